package dev.bantam.tensor;

/**
 * A weight of codes as planes of bits, the right side of a {@link BitProduct}: for each plane
 * panels of {@value Kernels#BIT_PANEL} outputs, [words, outputs] and contiguous. Bits beyond the
 * width, and outputs beyond the last one, are 0.
 */
public final class BitMatrix {
  private final CodeSet set;
  private final int outputs;
  private final int inputs;
  private final int words;
  private final long[] panels;
  private final int[] counts;

  /** Codes of one row of the weight. */
  @FunctionalInterface
  public interface RowCodes {
    /** The code of an input, of the set. */
    int at(int input);
  }

  /** A weight of the given shape, all bits 0 until {@link #set}. */
  public BitMatrix(CodeSet set, int outputs, int inputs) {
    this.set = set;
    this.outputs = outputs;
    this.inputs = inputs;
    this.words = BitRows.words(inputs);
    final int padded = (outputs + Kernels.BIT_PANEL - 1) / Kernels.BIT_PANEL * Kernels.BIT_PANEL;
    this.panels = new long[Math.multiplyExact(set.planes() * padded, words)];
    this.counts = new int[set.planes() * outputs];
  }

  /** Takes the codes of one output. */
  public void set(int output, RowCodes codes) {
    for (int t = 0; t < set.planes(); t++) {
      int count = 0;
      for (int w = 0; w < words; w++) {
        final int n = Math.min(Long.SIZE, inputs - w * Long.SIZE);
        long word = 0;
        for (int j = 0; j < n; j++) {
          word |= (set.bit(t, codes.at(w * Long.SIZE + j)) ? 1L : 0L) << j;
        }
        panels[
                from(t, output / Kernels.BIT_PANEL)
                    + w * Kernels.BIT_PANEL
                    + output % Kernels.BIT_PANEL] =
            word;
        count += Long.bitCount(word);
      }
      counts[t * outputs + output] = count;
    }
  }

  /** What the codes are. */
  public CodeSet set() {
    return set;
  }

  /** Number of rows of the weight. */
  public int outputs() {
    return outputs;
  }

  /** Width of a row. */
  public int inputs() {
    return inputs;
  }

  /** Sum of the codes of an output. */
  public int sum(int output) {
    int sum = set.offset() * inputs;
    for (int t = 0; t < set.planes(); t++) {
      sum += set.coefficient(t) * counts[t * outputs + output];
    }
    return sum;
  }

  /** Bytes of memory. */
  public long bytes() {
    return Long.BYTES * (long) panels.length + Integer.BYTES * (long) counts.length;
  }

  long[] panels() {
    return panels;
  }

  int from(int plane, int panel) {
    final int perPlane = panels.length / set.planes();
    return plane * perPlane + panel * words * Kernels.BIT_PANEL;
  }

  int words() {
    return words;
  }
}
