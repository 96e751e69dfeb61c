/** The part of the WebAssembly API that the pool uses; Node's type package leaves it to the DOM library. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    /** Detached by every `grow`, so nothing here ever grows. */
    readonly buffer: ArrayBuffer;
  }
}
