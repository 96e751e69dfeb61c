/** Calls `stop` at the first Ctrl-C or SIGTERM; a second one ends the process as usual. Returns what forgets it again. */
export function onInterrupt(stop: () => void): () => void {
  const forget = (): void => {
    process.off('SIGINT', once);
    process.off('SIGTERM', once);
  };
  const once = (): void => {
    forget();
    stop();
  };
  process.on('SIGINT', once);
  process.on('SIGTERM', once);
  return forget;
}
