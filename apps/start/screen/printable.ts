/**
 * What may reach the screen: text without control characters and without the password in an address.
 *
 * Details come from other programs (a package installer, a server), which may print an address with the
 * user's password in it, or bytes that a terminal would obey.
 */

export function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ').replace(/(\w:\/\/)[^/\s]*@/g, '$1***@')
}
