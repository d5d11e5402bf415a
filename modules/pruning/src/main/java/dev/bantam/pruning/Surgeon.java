package dev.bantam.pruning;

import dev.bantam.compression.BlockFisher;
import dev.bantam.compression.Cholesky;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.util.Locale;

/**
 * Second-order pruning of one tensor with its block-diagonal Fisher matrix F = lambda I + 1/m sum g
 * g^T (Kurtic et al. 2022, section 3). F^-1 of a block is V V^T with V upper triangular. All
 * arithmetic is float64; blocks are independent.
 *
 * @param name of the tensor, for messages
 * @param fisher sums of its gradients
 * @param dampening lambda
 * @param gradients m, the number that the sums are divided by
 * @param rule how surviving weights are moved
 */
record Surgeon(String name, BlockFisher fisher, double dampening, long gradients, UpdateRule rule) {
  /** Blocks of one piece of work. */
  private static final int PIECE = 256;

  /** How the surviving weights make up for those removed together. */
  enum UpdateRule {
    /** The least loss that a block allows: one solve for all weights removed from it. */
    JOINT,
    /**
     * The updates for single weights (or groups) added up, cross terms left out; with the small
     * number that the reference implementation adds to diagonals.
     */
    SUMMED
  }

  /** What SparseML adds to the diagonal of F^-1 of single weights. */
  private static final double EPSILON = 0x1p-23;

  private double epsilon() {
    return rule == UpdateRule.SUMMED ? EPSILON : 0;
  }

  /** Work on one block, with memory of its own. */
  private interface BlockWork {
    void run(int number, int worker, Memory memory);
  }

  private static final class Memory {
    final double[] scratch;
    final double[] f;
    final double[] v;
    final double[] weights;
    final double[] moved;
    final int[] kept;
    final int[] removed;

    Memory(BlockFisher fisher) {
      final int n = fisher.block();
      scratch = fisher.scratch();
      f = new double[n * n];
      v = new double[n * n];
      weights = new double[n];
      moved = new double[n];
      kept = new int[n];
      removed = new int[n];
    }
  }

  private void forEachBlock(Workers workers, BlockWork work) {
    final Memory[] memories = new Memory[workers.threads()];
    workers.run(
        (fisher.blocks() + PIECE - 1) / PIECE,
        (piece, worker) -> {
          if (memories[worker] == null) {
            memories[worker] = new Memory(fisher);
          }
          final int last = Math.min(fisher.blocks(), (piece + 1) * PIECE);
          for (int number = piece * PIECE; number < last; number++) {
            work.run(number, worker, memories[worker]);
          }
        });
  }

  /** V of a block into {@code memory.v}. */
  private void invert(int number, Memory memory) {
    final int n = fisher.length(number);
    fisher.matrix(number, dampening, gradients, memory.scratch, memory.f);
    requirePositive(Cholesky.factor(memory.f, n), number);
    Cholesky.invert(memory.f, n, memory.v);
  }

  private void requirePositive(boolean positive, int number) {
    if (!positive) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          String.format(
              Locale.ROOT,
              "The Fisher matrix of '%s' cannot be inverted in float64 (elements %d to %d):"
                  + " dampening %s is too small for its gradients, or these are no numbers. Raise"
                  + " the dampening tenfold.",
              name,
              fisher.start(number),
              fisher.start(number) + fisher.length(number) - 1,
              dampening));
    }
  }

  /**
   * Predicted loss increase of removing each group of consecutive weights alone, {@code rho = 1/2
   * w_Q^T ((F^-1)_QQ)^-1 w_Q}; for single weights {@code w^2 / (2 (F^-1)_jj)}.
   *
   * @param size weights of a group; divides the blocks and the tensor
   * @param weights row-major
   * @param kept weights that are still there
   * @param scores out: one for each group; minus infinity for those with nothing left
   */
  void scores(int size, float[] weights, boolean[] kept, double[] scores, Workers workers) {
    forEachBlock(
        workers,
        (number, worker, memory) -> {
          invert(number, memory);
          final int n = fisher.length(number);
          final int start = fisher.start(number);
          for (int q = 0; q < n; q += size) {
            scores[(start + q) / size] =
                anyKept(kept, start + q, size)
                    ? score(memory.v, n, weights, start, q, size)
                    : Double.NEGATIVE_INFINITY;
          }
        });
  }

  private static boolean anyKept(boolean[] kept, int from, int size) {
    for (int i = from; i < from + size; i++) {
      if (kept[i]) {
        return true;
      }
    }
    return false;
  }

  private double score(double[] v, int n, float[] weights, int start, int q, int size) {
    if (size == 1) {
      final double w = weights[start + q];
      return w * w / (2 * Cholesky.inverseElement(v, n, q, q) + epsilon());
    }
    final int[] members = new int[size];
    for (int i = 0; i < size; i++) {
      members[i] = q + i;
    }
    return groupScore(v, n, weights, start, members, new double[size]);
  }

  /**
   * {@code 1/2 w_Q^T z} with {@code (F^-1)_QQ z = w_Q}.
   *
   * @param members positions of Q in the block
   * @param z out
   */
  private double groupScore(
      double[] v, int n, float[] weights, int start, int[] members, double[] z) {
    final int size = members.length;
    final double[] a = new double[size * size];
    for (int i = 0; i < size; i++) {
      for (int j = i; j < size; j++) {
        a[i * size + j] = Cholesky.inverseElement(v, n, members[i], members[j]);
      }
      z[i] = weights[start + members[i]];
    }
    requirePositive(Cholesky.factor(a, size), start / fisher.block());
    Cholesky.solve(a, size, z);
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += weights[start + members[i]] * z[i];
    }
    return sum / 2;
  }

  /**
   * Predicted loss increase of removing each group and all that go before it from its block, one
   * after the other, the cheapest first and the others moved each time (CAP, Kuznedelev et al.
   * 2023).
   *
   * @param pattern which weights go together, or how many of them stay
   * @param losses out: one for each group; minus infinity for those with nothing left, infinity for
   *     those that stay by the pattern
   */
  void cumulativeLosses(
      Pattern pattern, float[] weights, boolean[] kept, double[] losses, Workers workers) {
    final Greedy[] greedy = new Greedy[workers.threads()];
    forEachBlock(
        workers,
        (number, worker, memory) -> {
          if (greedy[worker] == null) {
            greedy[worker] = new Greedy(fisher.block(), pattern);
          }
          invert(number, memory);
          greedy[worker].run(number, memory.v, weights, kept, losses);
        });
  }

  /** Greedy removal from one block after the other. */
  private final class Greedy {
    private final int size;
    private final GreedyRemoval removal;
    private final double[] inverse;
    private final int[] order;
    private final double[] steps;

    Greedy(int n, Pattern pattern) {
      size = pattern.size();
      removal = new GreedyRemoval(n, size, pattern.kept(), pattern.of());
      inverse = new double[n * n];
      order = new int[n / size];
      steps = new double[n / size];
    }

    void run(int number, double[] v, float[] weights, boolean[] kept, double[] losses) {
      final int n = fisher.length(number);
      final int start = fisher.start(number);
      for (int i = 0; i < n; i++) {
        for (int j = i; j < n; j++) {
          inverse[i * n + j] = Cholesky.inverseElement(v, n, i, j);
          inverse[j * n + i] = inverse[i * n + j];
        }
      }
      final int first = start / size;
      java.util.Arrays.fill(losses, first, first + n / size, Double.POSITIVE_INFINITY);
      double sum = 0;
      final int count = steps(number, n, weights, start, kept);
      for (int s = 0; s < count; s++) {
        sum += steps[s] > 0 ? steps[s] : 0;
        losses[first + order[s]] = steps[s] == Double.NEGATIVE_INFINITY ? steps[s] : sum;
      }
    }

    private int steps(int number, int n, float[] weights, int start, boolean[] kept) {
      try {
        return removal.run(inverse, n, weights, start, kept, order, steps);
      } catch (ArithmeticException e) {
        requirePositive(false, number);
        throw e;
      }
    }
  }

  /**
   * Chooses, of every {@code of} consecutive weights, those to remove so that {@code n} are left
   * and the predicted loss increase of removing them together is least; the first choice among
   * equals. Where more are gone already, they stay gone and nothing is removed.
   *
   * @param removed out: true for the weights to remove
   */
  void choose(int n, int of, float[] weights, boolean[] kept, boolean[] removed, Workers workers) {
    final int[][] choices = Subsets.of(of, of - n);
    forEachBlock(
        workers,
        (number, worker, memory) -> {
          invert(number, memory);
          final int length = fisher.length(number);
          final int start = fisher.start(number);
          for (int q = 0; q < length; q += of) {
            choose(memory.v, length, weights, kept, start, q, choices, n, of, removed);
          }
        });
  }

  private void choose(
      double[] v,
      int length,
      float[] weights,
      boolean[] kept,
      int start,
      int q,
      int[][] choices,
      int n,
      int of,
      boolean[] removed) {
    int gone = 0;
    for (int i = 0; i < of; i++) {
      gone += kept[start + q + i] ? 0 : 1;
    }
    if (gone >= of - n) {
      return;
    }
    double least = Double.POSITIVE_INFINITY;
    int[] best = choices[0];
    for (int[] choice : choices) {
      int goneOfChoice = 0;
      for (int i : choice) {
        goneOfChoice += kept[start + q + i] ? 0 : 1;
      }
      if (goneOfChoice < gone) {
        continue; // what is gone is removed first
      }
      final int[] members = new int[choice.length];
      for (int i = 0; i < members.length; i++) {
        members[i] = q + choice[i];
      }
      final double rho = groupScore(v, length, weights, start, members, new double[members.length]);
      if (rho < least) {
        least = rho;
        best = choice;
      }
    }
    for (int i : best) {
      removed[start + q + i] = kept[start + q + i];
    }
  }

  /**
   * Removes weights and moves the others of their blocks.
   *
   * @param size weights of a group that was scored together
   * @param weights in and out
   * @param kept weights that were there before
   * @param removed weights to remove, all of them kept before
   * @return predicted loss increase: {@code 1/2 dw^T F dw} of the change made
   */
  double remove(int size, float[] weights, boolean[] kept, boolean[] removed, Workers workers) {
    final double[] losses = new double[fisher.blocks()];
    forEachBlock(
        workers,
        (number, worker, memory) -> {
          final int start = fisher.start(number);
          final int n = fisher.length(number);
          int count = 0;
          for (int i = 0; i < n; i++) {
            count += removed[start + i] ? 1 : 0;
          }
          if (count == 0) {
            return;
          }
          if (rule == UpdateRule.JOINT) {
            joint(number, weights, kept, removed, memory);
          } else {
            summed(number, size, weights, removed, memory);
          }
          losses[number] = apply(number, weights, kept, removed, memory);
        });
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum;
  }

  /** {@code w_K + (F_KK)^-1 F_KP w_P} into {@code memory.moved}. */
  private void joint(
      int number, float[] weights, boolean[] kept, boolean[] removed, Memory memory) {
    final int n = fisher.length(number);
    final int start = fisher.start(number);
    fisher.matrix(number, dampening, gradients, memory.scratch, memory.f);
    int k = 0;
    int p = 0;
    for (int i = 0; i < n; i++) {
      memory.moved[i] = weights[start + i];
      if (removed[start + i]) {
        memory.removed[p++] = i;
      } else if (kept[start + i]) {
        memory.kept[k++] = i;
      }
    }
    final double[] right = memory.weights;
    for (int a = 0; a < k; a++) {
      final int i = memory.kept[a];
      for (int b = a; b < k; b++) {
        memory.v[a * k + b] = memory.f[i * n + memory.kept[b]];
      }
      double sum = 0;
      for (int b = 0; b < p; b++) {
        final int j = memory.removed[b];
        sum += memory.f[Math.min(i, j) * n + Math.max(i, j)] * weights[start + j];
      }
      right[a] = sum;
    }
    requirePositive(Cholesky.factor(memory.v, k), number);
    Cholesky.solve(memory.v, k, right);
    for (int a = 0; a < k; a++) {
      memory.moved[memory.kept[a]] += right[a];
    }
  }

  /** {@code w - F^-1 u} into {@code memory.moved}, u over all groups removed. */
  private void summed(int number, int size, float[] weights, boolean[] removed, Memory memory) {
    final int n = fisher.length(number);
    final int start = fisher.start(number);
    invert(number, memory);
    final double[] u = memory.weights;
    java.util.Arrays.fill(u, 0, n, 0);
    for (int q = 0; q < n; q += size) {
      if (size == 1) {
        if (removed[start + q]) {
          u[q] = weights[start + q] / (Cholesky.inverseElement(memory.v, n, q, q) + EPSILON);
        }
      } else if (removed[start + q]) {
        final int[] members = new int[size];
        for (int i = 0; i < size; i++) {
          members[i] = q + i;
        }
        final double[] z = new double[size];
        groupScore(memory.v, n, weights, start, members, z);
        System.arraycopy(z, 0, u, q, size);
      }
    }
    for (int i = 0; i < n; i++) {
      double sum = 0;
      for (int j = 0; j < n; j++) {
        sum += u[j] == 0 ? 0 : Cholesky.inverseElement(memory.v, n, i, j) * u[j];
      }
      memory.moved[i] = weights[start + i] - sum;
    }
    fisher.matrix(number, dampening, gradients, memory.scratch, memory.f); // for the loss
  }

  /** Writes the moved weights, zeros where they are removed, and returns the quadratic loss. */
  private double apply(
      int number, float[] weights, boolean[] kept, boolean[] removed, Memory memory) {
    final int n = fisher.length(number);
    final int start = fisher.start(number);
    final double[] change = memory.weights;
    for (int i = 0; i < n; i++) {
      final boolean stays = kept[start + i] && !removed[start + i];
      final double after = stays ? memory.moved[i] : 0;
      change[i] = after - weights[start + i];
      weights[start + i] = (float) after;
    }
    double loss = 0;
    for (int i = 0; i < n; i++) {
      double row = memory.f[i * n + i] * change[i] / 2;
      for (int j = i + 1; j < n; j++) {
        row += memory.f[i * n + j] * change[j];
      }
      loss += change[i] * row;
    }
    return loss;
  }
}
