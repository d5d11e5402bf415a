/**
 * Integer quantization of weights: codes of a few bits and a scale for each row or group.
 *
 * <p>Start at {@link dev.bantam.mixedprecision.RoundToNearest}; the arithmetic is in {@link
 * dev.bantam.mixedprecision.IntegerCodes}, {@link dev.bantam.mixedprecision.ScaleRules} and {@link
 * dev.bantam.mixedprecision.ClipSearch}. Matrices are [out, in], row-major; a group is a run of
 * inputs of one output.
 */
package dev.bantam.mixedprecision;
