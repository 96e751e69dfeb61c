#!/usr/bin/env node
import { completeAbbreviations } from './cli/abbreviate.ts';
import { buildProgram } from './cli/program.ts';
import { fail } from './cli/session.ts';

/** A reader of our output that goes away (`tapir ... | head`) is no error. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const program = buildProgram();
await program.parseAsync(completeAbbreviations(program, process.argv.slice(2)), { from: 'user' }).catch(fail);
