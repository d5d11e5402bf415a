/**
 * The contract of all compression methods: steps that change a model's weights and decide how each
 * is stored, the stored forms, and what they cost in bytes.
 *
 * <p>Start at {@link dev.bantam.compression.Step} and {@link
 * dev.bantam.compression.CompressedTensor}. Matrices are [out, in], row-major.
 */
package dev.bantam.compression;
