import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AttestationError, type AttestationErrorCode } from '#attestation'
import { concatBytes, decodeHex, encodeHex, encodeUtf8, type Bytes } from '#bytes'
import { readCertificate } from './der/certificate.ts'
import { readCrl } from './der/crl.ts'
import { readPem, readPemChain } from './der/pem.ts'
import {
  DerCursor,
  derTag,
  readBitString,
  readBoolean,
  readDer,
  readNamedBits,
  readOid,
  readSmallInteger,
  readTime,
  readUnsigned,
  type Der,
} from './der/reader.ts'

const refuses = (code: AttestationErrorCode, body: () => unknown, about = '') =>
  assert.throws(body, (error) => error instanceof AttestationError && error.code === code, about)

const sequence = (hex: string) => readDer(decodeHex(hex), derTag.sequence, 'test')
const element = (tag: number, content: Bytes): Der =>
  readDer(concatBytes(Uint8Array.of(tag, content.length), content), tag, 'test')
const hexElement = (tag: number, hex: string) => element(tag, decodeHex(hex))

test('an element has one tag, one minimal length, and an end', () => {
  const cursor = new DerCursor(sequence('30060201050101ff'), 'test')
  assert.equal(readSmallInteger(cursor.next(derTag.integer), 9), 5)
  assert.equal(readBoolean(cursor.next(derTag.boolean)), true)
  cursor.end()
  const wrong = [
    '',
    '30',
    '3001',
    '3080',
    '308000',
    '30810100',
    '3082000100',
    '30847fffffff',
    '3000ff',
    '3100',
    '1f0100',
  ]
  for (const hex of wrong) refuses('der-invalid', () => sequence(hex), hex)
  const long = concatBytes(decodeHex('308180'), new Uint8Array(128))
  assert.equal(readDer(long, derTag.sequence, 'test').content.length, 128)
})

test('a cursor refuses other tags, what is cut off, and what is left over', () => {
  const cursor = () => new DerCursor(sequence('3003020105'), 'test')
  refuses('der-invalid', () => cursor().next(derTag.oid))
  refuses('der-invalid', () => cursor().end())
  assert.equal(cursor().optional(derTag.oid), null)
  const inside = new DerCursor(sequence('30020205'), 'test')
  refuses('der-invalid', () => inside.next(derTag.integer))
})

test('integers are minimal and not negative', () => {
  const read = (hex: string) => encodeHex(readUnsigned(hexElement(derTag.integer, hex)))
  assert.deepEqual(['00', '7f', '0080', '00ff01'].map(read), ['00', '7f', '80', 'ff01'])
  for (const hex of ['', '80', 'ff', '0000', '007f']) refuses('der-invalid', () => read(hex), hex)
  refuses('der-invalid', () => readSmallInteger(hexElement(derTag.integer, '05'), 4))
  refuses('der-invalid', () => readSmallInteger(hexElement(derTag.integer, '7fffffffff'), 2 ** 40))
})

test('booleans, bit strings and object identifiers have one spelling', () => {
  for (const hex of ['', '01', 'fe', 'ffff'])
    refuses('der-invalid', () => readBoolean(hexElement(derTag.boolean, hex)))
  for (const hex of ['', '0180', '08'])
    refuses('der-invalid', () => readBitString(hexElement(derTag.bitString, hex)))
  const bits = readNamedBits(hexElement(derTag.bitString, '0106'))
  assert.deepEqual([0, 5, 6, 7, 8].map(bits), [false, true, true, false, false])
  for (const hex of ['', '00', '08ff', '0107']) {
    refuses('der-invalid', () => readNamedBits(hexElement(derTag.bitString, hex)), hex)
  }
  assert.equal(readOid(hexElement(derTag.oid, '2a864886f84d010d01')), '1.2.840.113741.1.13.1')
  assert.equal(readOid(hexElement(derTag.oid, '678105050401')), '2.23.133.5.4.1')
  for (const hex of ['', '2a80', '2a8001', '80', 'ffffffffffff7f']) {
    refuses('der-invalid', () => readOid(hexElement(derTag.oid, hex)), hex)
  }
})

test('times are of the calendar, in seconds, in UTC', () => {
  const utc = (text: string) => readTime(element(derTag.utcTime, encodeUtf8(text)))
  const full = (text: string) => readTime(element(derTag.generalizedTime, encodeUtf8(text)))
  assert.equal(utc('491231235959Z'), Date.UTC(2049, 11, 31, 23, 59, 59))
  assert.equal(utc('500101000000Z'), Date.UTC(1950, 0, 1))
  assert.equal(full('99991231235959Z'), Date.UTC(9999, 11, 31, 23, 59, 59))
  for (const text of [
    '',
    '250230000000Z',
    '251301000000Z',
    '250101240000Z',
    '2501010000Z',
    '250101000000+0000',
    '250101000000',
  ]) {
    refuses('der-invalid', () => utc(text), text)
  }
  for (const text of ['20250101000000.5Z', '250101000000Z', '20250101000060Z'])
    refuses('der-invalid', () => full(text), text)
  refuses('der-invalid', () => readTime(element(derTag.octetString, encodeUtf8('250101000000Z'))))
})

test('PEM is blocks of one label and white space', () => {
  const block = '-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n'
  assert.equal(readPem(`${block}\r\n ${block}`, 'X509 CRL').length, 2)
  assert.equal(readPem('', 'X509 CRL').length, 0)
  for (const text of [
    'x',
    `x${block}`,
    `${block}x`,
    block.replace('END', 'FIN'),
    block.replace('AAAA', 'AA-A'),
  ]) {
    refuses('pem-invalid', () => readPem(text, 'X509 CRL'), text)
  }
  refuses('pem-invalid', () => readPem(block, 'CERTIFICATE'))
  refuses('pem-invalid', () => readPemChain('', 1))
})

test('bytes that are no certificate and no CRL are refused as such', () => {
  // A prefix that is right leads the reader further in than noise alone.
  const prefix = fc.constantFrom('', '30', '3080', '3010', '300c300806', '30143012a003020102')
  fc.assert(
    fc.property(prefix, fc.uint8Array({ maxLength: 40 }), (hex, noise) => {
      const bytes = concatBytes(decodeHex(hex), noise)
      assert.throws(() => readCertificate(bytes), AttestationError)
      assert.throws(() => readCrl(bytes), AttestationError)
    }),
  )
})
