/**
 * Merging of fine-tuned models, and their differences to the base (deltas) as something to store.
 *
 * <p>Start at {@link dev.bantam.deltamerging.MergeRecipe} (what to merge), {@link
 * dev.bantam.deltamerging.TensorMerger} (one tensor) and {@link
 * dev.bantam.deltamerging.StreamingMerge} (model folders of any size). A merge is a pure function
 * of tensors, parameters and a seed. Method notes: docs/methods/merging.md.
 */
package dev.bantam.deltamerging;
