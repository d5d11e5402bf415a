package dev.bantam.training.hessian;

import java.util.Objects;

/**
 * An approximate eigenvalue with its vector.
 *
 * @param value signed
 * @param vector of unit length; owned by the receiver
 * @param residual {@code |H v - value v|}: an eigenvalue is at most so far from {@code value}
 * @param products times that the matrix was multiplied with a vector to find it
 * @param converged whether the residual is as small as was asked for
 */
@SuppressWarnings("ArrayRecordComponent") // a result handed over, not kept
public record Eigenpair(
    double value, double[] vector, double residual, int products, boolean converged) {
  public Eigenpair {
    Objects.requireNonNull(vector, "vector");
  }
}
