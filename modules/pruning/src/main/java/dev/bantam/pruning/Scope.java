package dev.bantam.pruning;

/** Where weights compete for staying. */
enum Scope {
  /** Over all selected matrices. */
  GLOBAL,
  /** Within each matrix. */
  LAYER
}
