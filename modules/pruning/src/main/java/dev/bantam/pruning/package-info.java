/** Pruning: which weights to remove, and how the rest is stored. */
package dev.bantam.pruning;
