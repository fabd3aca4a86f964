/** Measured numbers as people read them. */

/** Parts of 10⁹. */
export function percent(share: number): string {
  return `${(share / 1e7).toFixed(2)} %`
}

/** Millionths of a nat. */
export function nats(millionths: number): string {
  return (millionths / 1e6).toFixed(4)
}
