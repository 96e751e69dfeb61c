declare module 'buffer-layout' {
  /** Any layout, whatever it decodes to. */
  export interface AnyLayout {
    readonly span: number;
    readonly property?: string | undefined;
  }
  export class Layout<T> {
    readonly span: number;
    readonly property?: string | undefined;
    decode(b: Buffer, offset?: number): T;
    encode(src: T, b: Buffer, offset?: number): number;
  }
  export class Structure<T extends object> extends Layout<T> {
    readonly fields: ReadonlyArray<AnyLayout>;
    offsetOf(property: keyof T & string): number | undefined;
    layoutFor(property: keyof T & string): AnyLayout | undefined;
  }
  export class BitStructure<T extends object> extends Layout<T> {
    addField(bits: number, property: keyof T & string): unknown;
    addBoolean(property: keyof T & string): unknown;
  }
  export function u8(property?: string): Layout<number>;
  export function u16(property?: string): Layout<number>;
  export function u16be(property?: string): Layout<number>;
  export function u32be(property?: string): Layout<number>;
  export function u48be(property?: string): Layout<number>;
  export function blob(length: number, property?: string): Layout<Buffer>;
  export function bits<T extends object>(
    word: Layout<number>,
    msb: boolean,
    property?: string,
  ): BitStructure<T>;
  export function struct<T extends object>(fields: ReadonlyArray<AnyLayout>, property?: string): Structure<T>;
}
