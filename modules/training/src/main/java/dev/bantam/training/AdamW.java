package dev.bantam.training;

import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Kernels;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiPredicate;
import java.util.function.ToDoubleFunction;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019) over named tensors, with PyTorch's
 * order of operations; without bias correction it is the optimiser of the BERT authors' code.
 *
 * <pre>
 * g = clip factor * gradient          clip factor = min(1, limit / (norm + 1e-6))
 * w = w - rate decay w                selected tensors only
 * m = b1 m + (1 - b1) g
 * v = b2 v + (1 - b2) g g
 * w = w - rate / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 * </pre>
 *
 * <p>t counts the updates of each tensor from 1. A tensor that gets no gradient is not touched at
 * all: no decay, no moments, no count; a gradient of zeros still decays it. The moments are made at
 * a tensor's first gradient, off-heap. Work is cut into pieces of a fixed number of elements and
 * sums run in a fixed order, so the bits do not depend on the number of threads. One thread may use
 * an object at a time.
 */
public final class AdamW implements AutoCloseable {
  /** Elements of one piece of work: four tiles of it stay within the second-level cache. */
  private static final int CHUNK = 1 << 14;

  /** Partial sums of the norm, so that the additions need not wait for each other. */
  private static final int LANES = 8;

  private static final double NORM_GUARD = 1e-6;

  private final Settings settings;
  private final Workers workers;
  private final Kernels kernels = Kernels.best();
  private final SortedMap<String, Slot> slots = new TreeMap<>();
  private final float[][][] tiles;

  /**
   * The constants of the update.
   *
   * @param beta1 decay of the mean of gradients, in [0, 1)
   * @param beta2 decay of the mean of squares, in [0, 1)
   * @param eps added to the root, above 0
   * @param weightDecay share of a weight taken off per unit of learning rate, at least 0
   * @param biasCorrection whether the moments are divided by {@code 1 - beta^t}; BERT's own code
   *     does not
   */
  public record Settings(
      double beta1, double beta2, double eps, double weightDecay, boolean biasCorrection) {
    public Settings {
      if (!(beta1 >= 0 && beta1 < 1) || !(beta2 >= 0 && beta2 < 1)) {
        throw new IllegalArgumentException(
            String.format(Locale.ROOT, "Betas must lie in [0, 1): %s and %s", beta1, beta2));
      }
      if (!(eps > 0 && eps < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("eps must be above 0: " + eps);
      }
      if (!(weightDecay >= 0 && weightDecay < Double.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException("Weight decay must not be negative: " + weightDecay);
      }
    }

    /** The default: betas .9 and .999, eps 1e-8, with bias correction. */
    public static Settings withDecay(double weightDecay) {
      return new Settings(0.9, 0.999, 1e-8, weightDecay, true);
    }

    /** BERT's own: betas .9 and .999, eps 1e-6, decay .01, no bias correction. */
    public static Settings bert() {
      return new Settings(0.9, 0.999, 1e-6, 0.01, false);
    }
  }

  /**
   * What an interrupted training needs to go on with the same bits.
   *
   * @param moments {@code m/<parameter>} and {@code v/<parameter>} of every tensor that has had a
   *     gradient, in order of name
   * @param updates number of updates of each of these tensors, by parameter name
   */
  public record State(SortedMap<String, INDArray> moments, SortedMap<String, Long> updates) {
    public State {
      moments = Collections.unmodifiableSortedMap(new TreeMap<>(moments));
      updates = Collections.unmodifiableSortedMap(new TreeMap<>(updates));
    }
  }

  /** One tensor with its moments. */
  private static final class Slot {
    final String name;
    final Floats weight;
    final double decay;
    final double rateFactor;
    Floats m;
    Floats v;
    long updates;

    Slot(String name, INDArray weight, double decay, double rateFactor) {
      this.name = name;
      this.weight = Floats.of(weight);
      this.decay = decay;
      this.rateFactor = rateFactor;
    }

    void allocate() {
      if (m == null) {
        m = zerosLike(weight);
        v = zerosLike(weight);
      }
    }

    private static Floats zerosLike(Floats weight) {
      return Floats.of(Nd4j.zeros(DataType.FLOAT, weight.array().shape()));
    }
  }

  /** The gradients of one call, in order of name, cut into pieces. */
  private static final class Work {
    final List<Slot> slots = new ArrayList<>();
    final List<Floats> gradients = new ArrayList<>();
    int[] slotOf = new int[64];
    int[] from = new int[64];
    int pieces;

    void add(Slot slot, Floats gradient) {
      for (long i = 0; i < gradient.length(); i += CHUNK) {
        if (pieces == slotOf.length) {
          slotOf = Arrays.copyOf(slotOf, 2 * pieces);
          from = Arrays.copyOf(from, 2 * pieces);
        }
        slotOf[pieces] = slots.size();
        from[pieces++] = (int) i;
      }
      slots.add(slot);
      gradients.add(gradient);
    }

    int length(int piece) {
      return Math.min(CHUNK, gradients.get(slotOf[piece]).length() - from[piece]);
    }
  }

  /**
   * An optimiser that decays matrices only ({@link #decaysByDefault}) and trains every tensor at
   * the same rate.
   */
  public AdamW(Map<String, INDArray> parameters, Settings settings, Workers workers) {
    this(parameters, settings, AdamW::decaysByDefault, name -> 1, workers);
  }

  /**
   * @param parameters the live tensors, dense float32; updates write to them
   * @param decays which of them the weight decay applies to
   * @param rateFactor what the learning rate of a tensor is multiplied with, at least 0
   */
  public AdamW(
      Map<String, INDArray> parameters,
      Settings settings,
      BiPredicate<String, INDArray> decays,
      ToDoubleFunction<String> rateFactor,
      Workers workers) {
    this.settings = settings;
    this.workers = workers;
    this.tiles = new float[workers.threads()][4][CHUNK];
    parameters.forEach(
        (name, weight) -> {
          final double factor = rateFactor.applyAsDouble(name);
          if (!(factor >= 0 && factor < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                "The learning-rate factor of '" + name + "' must not be negative: " + factor);
          }
          final double decay = decays.test(name, weight) ? settings.weightDecay() : 0;
          slots.put(name, new Slot(name, weight, decay, factor));
        });
  }

  /** Matrices decay; biases and LayerNorms do not. */
  public static boolean decaysByDefault(String name, INDArray weight) {
    final String lower = name.toLowerCase(Locale.ROOT);
    return weight.rank() == 2
        && !lower.endsWith("bias")
        && !lower.contains("layernorm")
        && !lower.contains("layer_norm");
  }

  /**
   * The factor of global-norm clipping, {@code min(1, limit / (norm + 1e-6))}: 0 for an infinite
   * norm, NaN for NaN.
   */
  public static double clipFactor(double norm, double limit) {
    return Math.min(1, limit / (norm + NORM_GUARD));
  }

  /**
   * Euclidean norm over all given gradients, in double. Other than a float norm it does not
   * overflow for finite gradients.
   */
  public double norm(Map<String, INDArray> gradients) {
    return norm(plan(gradients));
  }

  /**
   * Updates every parameter that has a gradient.
   *
   * <p>A norm that is not finite is not refused here: an infinite one turns finite gradients into
   * zeros and infinite ones into NaN, NaN makes everything NaN, as in PyTorch. Callers look at the
   * result.
   *
   * @param gradients by parameter name, each of its parameter's shape; not modified
   * @param rate learning rate of this update, at least 0
   * @param clip limit of the global norm, 0 for none
   * @return the norm before clipping
   */
  public double step(Map<String, INDArray> gradients, double rate, double clip) {
    if (!(rate >= 0 && rate < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException("The learning rate must be finite and >= 0: " + rate);
    }
    if (!(clip >= 0)) {
      throw new IllegalArgumentException("The limit of the norm must not be negative: " + clip);
    }
    final Work work = plan(gradients);
    final double norm = norm(work);
    final double scale = clip == 0 ? 1 : clipFactor(norm, clip);
    final Kernels.AdamStep[] steps = new Kernels.AdamStep[work.slots.size()];
    for (int i = 0; i < steps.length; i++) {
      final Slot slot = work.slots.get(i);
      slot.allocate();
      slot.updates++;
      steps[i] = adamStep(slot, rate * slot.rateFactor, scale);
    }
    workers.run(work.pieces, (piece, worker) -> update(work, piece, steps, tiles[worker]));
    return norm;
  }

  private Work plan(Map<String, INDArray> gradients) {
    final Work work = new Work();
    for (Map.Entry<String, INDArray> entry : new TreeMap<>(gradients).entrySet()) {
      final Slot slot = slots.get(entry.getKey());
      if (slot == null) {
        throw new IllegalArgumentException("No parameter is named '" + entry.getKey() + "'");
      }
      checkShape("gradient of '" + slot.name + "'", slot.weight.array(), entry.getValue());
      work.add(slot, Floats.of(entry.getValue()));
    }
    return work;
  }

  private static void checkShape(String what, INDArray expected, INDArray actual) {
    if (!Arrays.equals(expected.shape(), actual.shape())) {
      throw new IllegalArgumentException(
          "The "
              + what
              + " is "
              + Arrays.toString(actual.shape())
              + ", its parameter is "
              + Arrays.toString(expected.shape()));
    }
  }

  private double norm(Work work) {
    final double[] squares = new double[work.pieces];
    workers.run(
        work.pieces,
        (piece, worker) -> {
          final float[] tile = tiles[worker][0];
          final int n = work.length(piece);
          work.gradients.get(work.slotOf[piece]).read(work.from[piece], tile, 0, n);
          squares[piece] = sumOfSquares(tile, n);
        });
    double sum = 0;
    for (double square : squares) {
      sum += square;
    }
    return Math.sqrt(sum);
  }

  private static double sumOfSquares(float[] x, int n) {
    final double[] lanes = new double[LANES];
    final int whole = n - n % LANES;
    for (int i = 0; i < whole; i += LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        lanes[lane] += (double) x[i + lane] * x[i + lane];
      }
    }
    double sum = 0;
    for (int i = whole; i < n; i++) {
      sum += (double) x[i] * x[i];
    }
    for (double lane : lanes) {
      sum += lane;
    }
    return sum;
  }

  private Kernels.AdamStep adamStep(Slot slot, double rate, double scale) {
    final double b1 = settings.beta1();
    final double b2 = settings.beta2();
    final boolean corrected = settings.biasCorrection();
    return new Kernels.AdamStep(
        (float) scale,
        b1,
        b2,
        (float) settings.eps(),
        (float) (rate * slot.decay),
        (float) (corrected ? rate / (1 - StrictMath.pow(b1, slot.updates)) : rate),
        (float) (corrected ? Math.sqrt(1 - StrictMath.pow(b2, slot.updates)) : 1));
  }

  private void update(Work work, int piece, Kernels.AdamStep[] steps, float[][] tile) {
    final int index = work.slotOf[piece];
    final int from = work.from[piece];
    final int n = work.length(piece);
    final Slot slot = work.slots.get(index);
    slot.weight.read(from, tile[0], 0, n);
    work.gradients.get(index).read(from, tile[1], 0, n);
    slot.m.read(from, tile[2], 0, n);
    slot.v.read(from, tile[3], 0, n);
    kernels.adamW(tile[0], tile[1], tile[2], tile[3], n, steps[index]);
    slot.weight.write(from, tile[0], 0, n);
    slot.m.write(from, tile[2], 0, n);
    slot.v.write(from, tile[3], 0, n);
  }

  /** The state after the last update. The tensors are live: save them before the next update. */
  public State state() {
    final SortedMap<String, INDArray> moments = new TreeMap<>();
    final SortedMap<String, Long> updates = new TreeMap<>();
    for (Slot slot : slots.values()) {
      if (slot.m != null) {
        moments.put("m/" + slot.name, slot.m.array());
        moments.put("v/" + slot.name, slot.v.array());
        updates.put(slot.name, slot.updates);
      }
    }
    return new State(moments, updates);
  }

  /**
   * Goes on from a state of an optimiser over the same parameters; copies its tensors. What this
   * object did before is forgotten.
   *
   * @throws IllegalArgumentException if a name or a shape does not belong to the parameters, or a
   *     moment is missing; nothing is changed then
   */
  public void restore(State state) {
    checkState(state);
    for (Slot slot : slots.values()) {
      release(slot);
      final Long updates = state.updates().get(slot.name);
      if (updates != null) {
        slot.allocate();
        slot.updates = updates;
        slot.m.copy(0, moment(state, "m/", slot), 0, slot.m.length());
        slot.v.copy(0, moment(state, "v/", slot), 0, slot.v.length());
      }
    }
  }

  private void checkState(State state) {
    for (Map.Entry<String, Long> entry : state.updates().entrySet()) {
      final Slot slot = slots.get(entry.getKey());
      if (slot == null || entry.getValue() < 1) {
        throw new IllegalArgumentException(
            "The state counts "
                + entry.getValue()
                + " updates of '"
                + entry.getKey()
                + "', which is "
                + (slot == null ? "no parameter of this model" : "no possible number"));
      }
      moment(state, "m/", slot);
      moment(state, "v/", slot);
    }
    if (state.moments().size() != 2 * state.updates().size()) {
      throw new IllegalArgumentException(
          "The state has "
              + state.moments().size()
              + " moments for "
              + state.updates().size()
              + " tensors; two of each are needed: "
              + state.moments().keySet());
    }
  }

  private static Floats moment(State state, String kind, Slot slot) {
    final INDArray moment = state.moments().get(kind + slot.name);
    if (moment == null) {
      throw new IllegalArgumentException("The state lacks '" + kind + slot.name + "'");
    }
    checkShape("state '" + kind + slot.name + "'", slot.weight.array(), moment);
    return Floats.of(moment);
  }

  private static void release(Slot slot) {
    if (slot.m != null) {
      slot.m.close();
      slot.v.close();
      slot.m = null;
      slot.v = null;
      slot.updates = 0;
    }
  }

  /** Frees the moments at once, not when the collector finds them; the parameters stay. */
  @Override
  public void close() {
    slots.values().forEach(AdamW::release);
  }
}
