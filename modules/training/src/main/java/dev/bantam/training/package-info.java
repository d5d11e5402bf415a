/**
 * What turns gradients into a trained model: learning-rate schedules, AdamW, task losses and the
 * losses of distillation.
 *
 * <p>Losses are pure functions of heap arrays with the arithmetic in double and exp and log from
 * {@link StrictMath}, so that the same inputs give the same bits on every JVM. Start at {@link
 * dev.bantam.training.Losses}, {@link dev.bantam.training.AdamW} and {@link
 * dev.bantam.training.Schedule}.
 */
package dev.bantam.training;
