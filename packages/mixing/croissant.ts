/**
 * A Croissant 1.0 view of a manifest, so that catalogues of datasets can read what is public about it.
 *
 * It is a view and no statement: everything in it is copied from the manifest and the policy. There is no
 * `distribution` and no `recordSet`, because nobody can download the items.
 */
import type { Manifest, Policy } from '#statements'

export type JsonLd = { readonly [key: string]: unknown }

export function croissantOf(manifest: Manifest, policy: Policy): JsonLd {
  const urn = `urn:sha256:${manifest.tree.root}`
  return {
    '@context': CONTEXT,
    '@type': 'sc:Dataset',
    '@id': urn,
    'dct:conformsTo': 'http://mlcommons.org/croissant/1.0',
    name: `${policy.name} training data`,
    description:
      `Dialogues pooled under a Fairweight policy to fine-tune ${policy.base.name}. The items are private; ` +
      'this page shows counts and the root of the tree that commits to them.',
    license: 'Each bundle under the consent in its contributor’s offer; not for download.',
    url: urn,
    identifier: manifest.tree.root,
    version: policy.version,
    datePublished: manifest.composedAt,
    creator: { '@type': 'sc:Organization', name: policy.operator.name },
    isAccessibleForFree: false,
    variableMeasured: [
      property('bundles included', manifest.bundles.included),
      property('bundles excluded', manifest.bundles.excluded),
      property('bundles withdrawn', manifest.bundles.withdrawn),
      property('items', manifest.items),
      property('canonical tokens', manifest.canonicalTokens),
      property('exact duplicates left out', manifest.duplicates.exact),
      property('near duplicates left out', manifest.duplicates.near),
      property('general items', manifest.general.items),
      property('general canonical tokens', manifest.general.canonicalTokens),
    ],
  }
}

const property = (name: string, value: number) => ({ '@type': 'sc:PropertyValue', name, value })

/** The terms of Croissant 1.0 that this view uses. */
const CONTEXT = {
  '@language': 'en',
  '@vocab': 'https://schema.org/',
  sc: 'https://schema.org/',
  cr: 'http://mlcommons.org/croissant/',
  dct: 'http://purl.org/dc/terms/',
}
