/**
 * Tiles and entry bundles: the tree and its entries as files that never change (C2SP tlog-tiles).
 *
 * A tile holds up to 256 hashes of one level; only every eighth level of the tree is stored, the rest is
 * hashed again. A path names the width of a tile that is not full, so a file, once right, stays right.
 */
import { concatBytes, type Bytes } from '#bytes'
import type { HashTree } from '#merkle'
import { TlogError } from './errors.ts'

export const tileWidth = 256

export interface Tile {
  readonly level: number
  readonly index: number
  /** Hashes in it, 1 to 256. */
  readonly width: number
}

/** Where a tile stands under the log's prefix. */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${numberPath(index)}${widthSuffix(width)}`
}

/** Where the bundle of a level 0 tile's entries stands. */
export function bundlePath({ index, width }: Omit<Tile, 'level'>): string {
  return `tile/entries/${numberPath(index)}${widthSuffix(width)}`
}

/** The tiles that a tree of `size` has and a tree of `oldSize` has not, lowest level first. */
export function newTiles(oldSize: number, size: number): readonly Tile[] {
  const tiles: Tile[] = []
  for (let level = 0; tileWidth ** level <= size; level += 1) {
    const oldCount = Math.floor(oldSize / tileWidth ** level)
    const count = Math.floor(size / tileWidth ** level)
    if (oldCount === count) break
    for (let index = Math.floor(oldCount / tileWidth); index * tileWidth < count; index += 1) {
      tiles.push({ level, index, width: Math.min(tileWidth, count - index * tileWidth) })
    }
  }
  return tiles
}

/** The bytes of a tile. */
export function encodeTile({ level, index, width }: Tile, tree: HashTree): Bytes {
  const first = index * tileWidth
  const hashes = Array.from({ length: width }, (_, at) =>
    tree.subtreeHash({ level: level * 8, index: first + at }),
  )
  return concatBytes(...hashes)
}

/** The hashes in a tile. Throws {@link TlogError} `tile-invalid` where it is not exactly `width` wide. */
export function decodeTile(bytes: Bytes, width: number): readonly Bytes[] {
  if (bytes.length !== width * 32) {
    throw new TlogError('tile-invalid', `a tile of ${bytes.length} bytes does not hold ${width} hashes`)
  }
  return Array.from({ length: width }, (_, at) => bytes.slice(at * 32, at * 32 + 32))
}

export const maximumEntryLength = 0xffff

/** Entries, each after its length in two bytes. Throws {@link TlogError} `entry-too-long`. */
export function encodeBundle(entries: readonly Uint8Array[]): Bytes {
  return concatBytes(
    ...entries.flatMap((entry) => {
      if (entry.length > maximumEntryLength) {
        throw new TlogError('entry-too-long', `an entry of ${entry.length} bytes does not fit a bundle`)
      }
      return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry]
    }),
  )
}

/** Throws {@link TlogError} `bundle-malformed` unless `bytes` are exactly `width` entries. */
export function decodeBundle(bytes: Bytes, width: number): readonly Bytes[] {
  const entries: Bytes[] = []
  let at = 0
  while (at < bytes.length) {
    const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    const end = at + 2 + length
    if (end > bytes.length) throw new TlogError('bundle-malformed', 'the bundle ends within an entry')
    entries.push(bytes.slice(at + 2, end))
    at = end
  }
  if (entries.length !== width) {
    throw new TlogError('bundle-malformed', `the bundle holds ${entries.length} entries, not ${width}`)
  }
  return entries
}

// 1234067 is x001/x234/067, so that no folder holds more than a thousand names.
function numberPath(index: number): string {
  const digits = String(index)
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? []
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/')
}

function widthSuffix(width: number): string {
  return width === tileWidth ? '' : `.p/${width}`
}
