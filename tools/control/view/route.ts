/** A route as `ip -json route show` prints it, key by key. */
export interface RouteView {
  /** Absent: unicast. */
  readonly type?: string;
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  /** Absent: main. */
  readonly table?: string;
  /** Absent: boot, that is, added by hand. */
  readonly protocol?: string;
  /** Absent: global. */
  readonly scope?: string;
  readonly prefsrc?: string;
  readonly metric?: number;
  readonly flags: readonly string[];
  readonly uid?: number;
  /** Only in the answer to `route get`. */
  readonly cache?: readonly string[];
  readonly metrics?: readonly Readonly<Record<string, number>>[];
}
