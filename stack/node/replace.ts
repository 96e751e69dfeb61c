/** A module of Node's with some of its members replaced; getters stay getters, so that what is made when asked for still is. */
export function replace<M extends object>(module: M, members: object): M {
  const own = Object.getOwnPropertyDescriptors(members);
  return Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(module), ...own }) as M;
}
