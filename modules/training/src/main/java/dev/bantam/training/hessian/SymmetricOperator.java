package dev.bantam.training.hessian;

/** A symmetric matrix that is only known by its products with vectors. */
public interface SymmetricOperator {
  /** Rows, and columns, n. */
  int dimension();

  /**
   * {@code result = H v}.
   *
   * @param v [n], not modified
   * @param result out, [n]; another array than {@code v}
   */
  void multiply(double[] v, double[] result);
}
