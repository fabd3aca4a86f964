/**
 * Thrift's compact protocol, as far as Parquet uses it: structures as fields by number.
 *
 * The attacker chooses every length. Nesting, elements and integers are bounded, so that a small file costs little.
 */
import { damaged } from './errors.ts'
import { Reader } from './reader.ts'

export type ThriftValue = boolean | bigint | Uint8Array | readonly ThriftValue[] | ThriftStruct
export type ThriftStruct = ReadonlyMap<number, ThriftValue>

const MAXIMUM_DEPTH = 16
const MAXIMUM_ELEMENTS = 500_000

// Types of the compact protocol; 10, 11 and 13 (sets, maps, UUIDs) are not used by Parquet.
const STOP = 0
const TRUE = 1
const FALSE = 2
const BYTE = 3
const INTEGERS = [4, 5, 6]
const DOUBLE = 7
const BINARY = 8
const LIST = 9
const STRUCT = 12

/** Throws `ContributingError` `parquet-invalid`; leaves `reader` behind the struct. */
export function readStruct(reader: Reader): ThriftStruct {
  return struct(reader, { left: MAXIMUM_ELEMENTS }, 0)
}

interface Budget {
  left: number
}

function struct(reader: Reader, budget: Budget, depth: number): ThriftStruct {
  if (depth > MAXIMUM_DEPTH) damaged('its structures are nested too deeply')
  const fields = new Map<number, ThriftValue>()
  let id = 0
  for (;;) {
    const head = reader.byte()
    const type = head & 0x0f
    if (type === STOP) return fields
    id = head >> 4 === 0 ? Number(zigzag(reader)) : id + (head >> 4)
    if (fields.has(id)) damaged('a field stands twice')
    // In a field, the type itself is the value of a boolean.
    fields.set(id, type === TRUE || type === FALSE ? type === TRUE : value(reader, type, budget, depth))
  }
}

function value(reader: Reader, type: number, budget: Budget, depth: number): ThriftValue {
  budget.left -= 1
  if (budget.left < 0) damaged('it holds too many elements')
  if (type === TRUE || type === FALSE) return reader.byte() === TRUE
  if (type === BYTE) return BigInt(reader.byte())
  if (INTEGERS.includes(type)) return zigzag(reader)
  if (type === DOUBLE) return reader.take(8)
  if (type === BINARY) return reader.take(lengthOf(reader))
  if (type === LIST) {
    const head = reader.byte()
    const length = head >> 4 === 15 ? lengthOf(reader) : head >> 4
    const list: ThriftValue[] = []
    for (let at = 0; at < length; at += 1) list.push(value(reader, head & 0x0f, budget, depth + 1))
    return list
  }
  if (type === STRUCT) return struct(reader, budget, depth + 1)
  return damaged('it holds a type that Parquet does not use')
}

function zigzag(reader: Reader): bigint {
  const value = reader.varint()
  return (value >> 1n) ^ -(value & 1n)
}

function lengthOf(reader: Reader): number {
  const length = reader.varint()
  return length > BigInt(reader.left) ? damaged('a length goes beyond the end') : Number(length)
}

/** Field `id` as a count from 0, or undefined where it is absent. */
export function optionalCount(of: ThriftStruct, id: number): number | undefined {
  const value = of.get(id)
  if (value === undefined) return undefined
  const isCount = typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)
  return isCount ? Number(value) : damaged('a count is no count')
}

export function countIn(of: ThriftStruct, id: number): number {
  return optionalCount(of, id) ?? damaged('a count is missing')
}

export function structIn(of: ThriftStruct, id: number): ThriftStruct {
  return asStruct(of.get(id))
}

export function asStruct(value: ThriftValue | undefined): ThriftStruct {
  return value instanceof Map ? value : damaged('a structure is missing')
}

export function listIn(of: ThriftStruct, id: number): readonly ThriftValue[] {
  const value = of.get(id)
  return Array.isArray(value) ? value : damaged('a list is missing')
}
