/**
 * Encoders of one bit: weights, word embeddings and activations of two values (or a few), trained
 * with straight-through estimators and stored and multiplied as bits.
 *
 * <p>Start at {@link dev.bantam.binarization.BinarizationStep}; the arithmetic of weights is in
 * {@link dev.bantam.binarization.WeightCoder} and its forms, that of activations in {@link
 * dev.bantam.binarization.InputCoder} and its forms, the products in {@link
 * dev.bantam.binarization.QuantizedLinear}. Matrices are [out, in], row-major. Method notes:
 * docs/methods/binarization.md.
 */
package dev.bantam.binarization;
