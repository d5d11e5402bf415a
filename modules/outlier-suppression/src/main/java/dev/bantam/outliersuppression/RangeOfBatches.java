package dev.bantam.outliersuppression;

/** Joins the ranges of batches, in the order they come and in float. */
abstract class RangeOfBatches {
  private float min;
  private float max;
  private long batches;

  /** Takes the range of the next batch. */
  final void add(Range batch) {
    batches++;
    min = batches == 1 ? batch.min() : next(min, batch.min(), batches, false);
    max = batches == 1 ? batch.max() : next(max, batch.max(), batches, true);
  }

  /**
   * The end of the range after another batch.
   *
   * @param before after those before it
   * @param batches how many there are with this one
   * @param upper whether it is the upper end
   */
  abstract float next(float before, float batch, long batches, boolean upper);

  /** The range so far. */
  final Range range() {
    if (batches == 0) {
      throw new IllegalStateException("No batch was seen");
    }
    return new Range(min, max);
  }

  /** The smallest and the largest of all. */
  static RangeOfBatches union() {
    return new RangeOfBatches() {
      @Override
      float next(float before, float batch, long batches, boolean upper) {
        return upper ? Math.max(before, batch) : Math.min(before, batch);
      }
    };
  }

  /** The mean of both ends. */
  static RangeOfBatches mean() {
    return new RangeOfBatches() {
      @Override
      float next(float before, float batch, long batches, boolean upper) {
        return before + (batch - before) / batches;
      }
    };
  }

  /**
   * {@code m + c (batch - m)} of both ends, beginning with the first batch.
   *
   * @param c weight of a new batch: 0.01 in PyTorch, 0.1 in Outlier Suppression's code
   */
  static RangeOfBatches moving(double c) {
    return new RangeOfBatches() {
      @Override
      float next(float before, float batch, long batches, boolean upper) {
        return before + (float) c * (batch - before);
      }
    };
  }
}
