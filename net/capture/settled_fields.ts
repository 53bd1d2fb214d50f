// SPDX-License-Identifier: MIT
/**
 * How V8 keeps the fields of objects that are used for every record.
 *
 * Room for how many of them an object of a class has in itself it settles when it makes the seventh, by those that are there. Where the
 * six before have been collected it finds none, and of a class with more than twelve private fields all later objects are dictionaries
 * then, and slow to use, for as long as the agent runs.
 *
 * @module
 */

/** With so many objects at a time it is settled as it should be. */
export const SETTLED_BY = 8;

/** Has it settled for what `make` makes, which is thrown away. */
export function settleFields(make: () => unknown): void {
  Array.from({ length: SETTLED_BY }, make);
}
