/**
 * Integer activations: rewriting an encoder so that its activations have no outliers, and rounding
 * them to integers with calibrated or dynamic ranges.
 *
 * <p>Activations are [tokens, channels] and weights [out, in], both row-major.
 */
package dev.bantam.outliersuppression;
