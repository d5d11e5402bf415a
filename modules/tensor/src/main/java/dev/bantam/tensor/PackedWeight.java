package dev.bantam.tensor;

/**
 * The right side of products {@code X B}, laid out once for many of them: panels of {@link
 * Kernels#panelColumns()} columns, each [inner, columns] and contiguous, the last one filled up
 * with zeros. B is a weight [outputs, inputs] or its transpose. Lives on the heap, where vector
 * instructions can reach it.
 */
public final class PackedWeight {
  private final float[] panels;
  private final int inner;
  private final int columns;
  private final int width;

  /**
   * Room for B of the given shape; filled by {@link #packTransposed} or {@link #pack}.
   *
   * @param inner rows of B
   * @param columns columns of B
   */
  public PackedWeight(int inner, int columns, Kernels kernels) {
    this.inner = inner;
    this.columns = columns;
    this.width = kernels.panelColumns();
    this.panels = new float[Math.multiplyExact(Math.multiplyExact(panels(), inner), width)];
  }

  /** Rows of B. */
  public int inner() {
    return inner;
  }

  /** Columns of B. */
  public int columns() {
    return columns;
  }

  int width() {
    return width;
  }

  private int panels() {
    return (columns + width - 1) / width;
  }

  float[] values() {
    return panels;
  }

  int panelFrom(int panel, int k) {
    return (panel * inner + k) * width;
  }

  /**
   * Takes columns {@code from..to} of B from the rows of a weight, {@code B = W^T}. Calls on
   * disjoint rows may run at the same time.
   *
   * @param weight [columns, inner]
   */
  public void packTransposed(Floats weight, int from, int to) {
    final float[] row = new float[inner];
    for (int column = from; column < to; column++) {
      weight.read(column * inner, row, 0, inner);
      int at = panelFrom(column / width, 0) + column % width;
      for (int k = 0; k < inner; k++) {
        panels[at] = row[k];
        at += width;
      }
    }
  }

  /**
   * Takes rows {@code from..to} of B from those of a weight, {@code B = W}. Calls on disjoint rows
   * may run at the same time.
   *
   * @param weight [inner, columns]
   */
  public void pack(Floats weight, int from, int to) {
    for (int k = from; k < to; k++) {
      for (int column = 0; column < columns; column += width) {
        weight.read(
            k * columns + column,
            panels,
            panelFrom(column / width, k),
            Math.min(width, columns - column));
      }
    }
  }
}
