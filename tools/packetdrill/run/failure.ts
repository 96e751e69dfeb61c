/** A script that does not hold: what was expected, what came, and the lines that show it. */
export class ScriptFailure extends Error {
  /** Line in the script, from 1. */
  readonly line: number;
  /** Printed below the message, such as the expected and the actual packet. */
  readonly details: readonly string[];

  constructor(line: number, message: string, details: readonly string[] = []) {
    super(message);
    this.name = 'ScriptFailure';
    this.line = line;
    this.details = details;
  }
}
