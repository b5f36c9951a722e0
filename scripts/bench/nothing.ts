/** A module with nothing in it: who has imported it has paid for what Node does once for the first file of all. */
export {}
