/** The part of the WebAssembly API that the pool uses; Node's type package leaves it to the DOM library. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    /** Detached by every `grow`, so nothing here ever grows. */
    readonly buffer: ArrayBuffer;
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  /** Whether these bytes are a module that this engine can run. */
  function validate(bytes: Uint8Array): boolean;
}
