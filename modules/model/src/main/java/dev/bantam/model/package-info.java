/**
 * Padding-free encoders with a hand-written forward and backward.
 *
 * <p>Start at {@link dev.bantam.model.EncoderModel}; what can be put on it: {@link
 * dev.bantam.model.LinearOperator}, {@link dev.bantam.model.ActivationTransform}, {@link
 * dev.bantam.model.AttentionStrategy}, {@link dev.bantam.model.LossTerm}. A batch is one [tokens,
 * hidden] matrix with sequence offsets; linear layers see no padding and attention runs on each
 * sequence's own length. Work is cut by the shape of the batch alone, so every number is the same
 * for any thread count.
 */
package dev.bantam.model;
