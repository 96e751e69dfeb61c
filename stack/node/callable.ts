/** A class that can be called without `new`, as Node's can. */
export function callable<T extends abstract new (...args: never[]) => object>(base: T, name: string): T {
  Object.defineProperty(base, 'name', { value: name, configurable: true });
  const made = new Proxy(base, {
    apply: (target, _this, args) => Reflect.construct(target as never, args) as object,
  });
  Object.defineProperty(base.prototype, 'constructor', {
    value: made,
    configurable: true,
    writable: true,
  });
  return made;
}
