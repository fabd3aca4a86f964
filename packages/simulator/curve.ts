/**
 * P-256 and P-384 (FIPS 186-5, SP 800-186 §3.2.1) in plain integers: keys and signatures from a seed.
 *
 * WebCrypto cannot make a key from a seed, nor a signature that comes out the same twice; test roots need
 * both, or their fingerprints would change with every start. The arithmetic takes time that depends on
 * the secrets. That is no harm here, because these keys protect nothing, and a reason to use it for
 * nothing else.
 */
import { decodeHex, type Bytes } from '#bytes'

export type CurveName = 'P-256' | 'P-384'

interface Point {
  readonly x: bigint
  readonly y: bigint
}

interface Curve {
  readonly p: bigint
  readonly order: bigint
  readonly generator: Point
  readonly bytes: number
}

const curves: { readonly [name in CurveName]: Curve } = {
  'P-256': {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    generator: {
      x: 0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
      y: 0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
    },
    bytes: 32,
  },
  'P-384': {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    generator: {
      x: 0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7n,
      y: 0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5fn,
    },
    bytes: 48,
  },
}

/** A secret scalar from bytes that are longer than the order, so that the remainder is even. */
export function scalarOf(name: CurveName, bytes: Bytes): bigint {
  return (integerOf(bytes) % (curves[name].order - 1n)) + 1n
}

/** 0x04 ‖ x ‖ y of scalar · G. */
export function publicPoint(name: CurveName, scalar: bigint): Bytes {
  const { x, y } = multiplyGenerator(name, scalar)
  const { bytes } = curves[name]
  return decodeHex(`04${hexOf(x, bytes)}${hexOf(y, bytes)}`)
}

/** ECDSA (FIPS 186-5 §6.4.1): r and s at full width. `nonce` must differ for each digest. */
export function signDigest(
  name: CurveName,
  scalar: bigint,
  digest: Bytes,
  nonce: bigint,
): { r: Bytes; s: Bytes } {
  const { order, bytes } = curves[name]
  const r = multiplyGenerator(name, nonce).x % order
  const s = modulo(inverse(nonce, order) * (integerOf(digest) + r * scalar), order)
  return { r: decodeHex(hexOf(r, bytes)), s: decodeHex(hexOf(s, bytes)) }
}

/** 2ⁱ · G for every bit, made once a curve: a multiplication is then additions alone. */
const doublings = new Map<CurveName, readonly Point[]>()

function doublingsOf(name: CurveName): readonly Point[] {
  const known = doublings.get(name)
  if (known !== undefined) return known
  const { p, generator, bytes } = curves[name]
  const points = [generator]
  for (let point = generator; points.length < 8 * bytes; points.push(point)) {
    // Both curves have a = −3.
    const slope = modulo(3n * (point.x * point.x - 1n) * inverse(2n * point.y, p), p)
    point = chord(point, point, slope, p)
  }
  doublings.set(name, points)
  return points
}

function chord(left: Point, right: Point, slope: bigint, p: bigint): Point {
  const x = modulo(slope * slope - left.x - right.x, p)
  return { x, y: modulo(slope * (left.x - x) - left.y, p) }
}

/**
 * The sum in Jacobian coordinates (x = X / Z², y = Y / Z³), which needs one inversion at the end. Adding
 * distinct doublings never meets a point twice, since every partial sum is below the next doubling.
 */
function multiplyGenerator(name: CurveName, scalar: bigint): Point {
  const { p } = curves[name]
  let sum: { x: bigint; y: bigint; z: bigint } | null = null
  let rest = scalar
  for (const point of doublingsOf(name)) {
    if ((rest & 1n) === 1n) sum = sum === null ? { ...point, z: 1n } : addMixed(sum, point, p)
    rest >>= 1n
  }
  if (sum === null) throw new RangeError('a scalar of zero has no point')
  const z = inverse(sum.z, p)
  return { x: modulo(sum.x * z * z, p), y: modulo(sum.y * z * z * z, p) }
}

function addMixed(left: { x: bigint; y: bigint; z: bigint }, right: Point, p: bigint) {
  const zz = (left.z * left.z) % p
  const h = modulo(right.x * zz - left.x, p)
  const slope = modulo(right.y * zz * left.z - left.y, p)
  const hh = (h * h) % p
  const hhh = (h * hh) % p
  const v = (left.x * hh) % p
  const x = modulo(slope * slope - hhh - 2n * v, p)
  return { x, y: modulo(slope * (v - x) - left.y * hhh, p), z: (left.z * h) % p }
}

/** By the extended Euclidean algorithm. */
function inverse(value: bigint, modulus: bigint): bigint {
  let [low, high] = [modulo(value, modulus), modulus]
  let [lowFactor, highFactor] = [1n, 0n]
  while (low > 1n) {
    const quotient = high / low
    ;[low, high] = [high - quotient * low, low]
    ;[lowFactor, highFactor] = [highFactor - quotient * lowFactor, lowFactor]
  }
  return modulo(lowFactor, modulus)
}

const modulo = (value: bigint, modulus: bigint) => ((value % modulus) + modulus) % modulus

const hexOf = (value: bigint, bytes: number) => value.toString(16).padStart(2 * bytes, '0')

const integerOf = (bytes: Bytes) => bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
