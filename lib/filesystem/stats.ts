/** What one instance has done in this owner. */
export interface Stats {
  /** Requests sent, retries included. */
  readonly requests: number
  readonly retries: number
  /** Bytes of bodies received and sent. */
  readonly bytesIn: number
  readonly bytesOut: number
  /** Connections open now. */
  readonly sockets: number
}
