// A matrix that a process and a thread work on without a copy of their own to send: node dist/examples/ndarray.js
// forkfs shares flat arrays; shape, strides and order are the caller's: an ndarray library sits on top like this.
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'
import { allocate } from 'forkfs/memmap'
import type { SharedArray } from 'forkfs/memmap'
import { createPool } from 'forkfs/workers'

/** What an ndarray is besides its memory: plain data, so it travels in the same message. */
interface Layout { readonly shape: readonly [number, number], readonly strides: readonly [number, number], readonly offset: number }
interface Matrix extends Layout { readonly memory: SharedArray<Float64Array> }

function at ({ strides, offset }: Layout, row: number, column: number): number { return offset + row * strides[0] + column * strides[1] }

function transpose (matrix: Matrix): Matrix {
  return { ...matrix, shape: [matrix.shape[1], matrix.shape[0]], strides: [matrix.strides[1], matrix.strides[0]] }
}

function row (matrix: Matrix, index: number): Matrix {
  return { ...matrix, shape: [1, matrix.shape[1]], offset: at(matrix, index, 0) }
}

/** Runs in the workers: `memory` has arrived as an array of their own realm, over the same memory where that can be. */
export function sum (matrix: Matrix): number {
  const { array } = matrix.memory
  let total = 0
  for (let i = 0; i < matrix.shape[0]; i++) for (let j = 0; j < matrix.shape[1]; j++) total += array[at(matrix, i, j)]!
  return total
}

export function firstColumn (matrix: Matrix): Float64Array {
  return Float64Array.from({ length: matrix.shape[0] }, (_, i) => matrix.memory.array[at(matrix, i, 0)]!)
}

const isProgram = isMainThread && fileURLToPath(import.meta.url) === process.argv[1]

if (isProgram) {
  const shape = [1000, 500] as const
  await using memory = await allocate(Float64Array, shape[0] * shape[1])
  const matrix: Matrix = { memory, shape, strides: [shape[1], 1], offset: 0 }
  for (let i = 0; i < shape[0]; i++) for (let j = 0; j < shape[1]; j++) memory.array[at(matrix, i, j)] = i

  for (const kind of ['thread', 'process'] as const) {
    await using pool = await createPool({ kind, size: 2 })
    const [whole, turned, one] = await Promise.all([matrix, transpose(matrix), row(matrix, 7)].map(each => pool.call<number>(import.meta.url, 'sum', [each])))
    const column = await pool.call<Float64Array>(import.meta.url, 'firstColumn', [transpose(matrix)])
    console.log(kind, 'whole', whole, 'transposed', turned, 'row', one, 'column', column.length)
  }
}
