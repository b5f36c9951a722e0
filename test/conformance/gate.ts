/** A promise and what settles it: for tests that decide when something happens. */
export function gate (): { readonly opened: Promise<void>, readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  return { opened, open }
}
