package dev.bantam.mixedprecision;

import dev.bantam.compression.CompressionState;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.compression.Step.Cost;
import dev.bantam.data.LabelledBatch;
import dev.bantam.model.Batch;
import dev.bantam.training.hessian.Estimate;
import dev.bantam.training.hessian.FisherTrace;
import dev.bantam.training.hessian.LossHessian;
import dev.bantam.training.hessian.LossSample;
import dev.bantam.training.hessian.PowerIteration;
import dev.bantam.training.hessian.TraceEstimator;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What is measured of the task loss before widths are chosen. */
sealed interface Evidence {
  /** Fewest samples that have a standard error. */
  int LEAST = 2;

  /** Gradients of a product with the Hessian, where it has to be exact. */
  long GRADIENTS = 6;

  /**
   * The curvature at each matrix.
   *
   * @param names the matrices
   * @return by name, in the order of {@code names}; empty if nothing is measured
   */
  Map<String, Estimate> measure(CompressionState state, List<String> names);

  /** The batches that were used, whose loss says what rounding did; empty for none. */
  List<LabelledBatch> batches(CompressionState state);

  /**
   * Memory and work.
   *
   * @param shapes all parameters
   */
  Cost cost(Map<String, long[]> shapes, List<String> names);

  /** The same from less. */
  Evidence smoke();

  /** Its settings by their names in recipes. */
  Map<String, Integer> settings();

  /** In words; empty for none. */
  String describe();

  private static List<LabelledBatch> sample(CompressionState state, int number, int batch) {
    return new EmpiricalFisher.Sample(number, batch, state.seed("sample", "bit allocation"))
        .batches(state.resources().train());
  }

  private static List<LossSample<Batch>> losses(
      CompressionState state, List<LabelledBatch> batches) {
    return LossSample.of(state.resources().task().requireHead().kind(), batches);
  }

  private static long elements(Map<String, long[]> shapes, List<String> names) {
    long sum = 0;
    for (String name : names) {
      long n = 1;
      for (long size : shapes.get(name)) {
        n *= size;
      }
      sum += n;
    }
    return sum;
  }

  private static Map<String, Estimate> perWeight(
      CompressionState state, Map<String, Estimate> traces) {
    final Map<String, Estimate> means = new LinkedHashMap<>();
    traces.forEach(
        (name, trace) -> means.put(name, trace.times(1.0 / state.weights().get(name).length())));
    return means;
  }

  /** Nothing. */
  record None() implements Evidence {
    @Override
    public Map<String, Estimate> measure(CompressionState state, List<String> names) {
      return Map.of();
    }

    @Override
    public List<LabelledBatch> batches(CompressionState state) {
      return List.of();
    }

    @Override
    public Cost cost(Map<String, long[]> shapes, List<String> names) {
      return Cost.NONE;
    }

    @Override
    public Evidence smoke() {
      return this;
    }

    @Override
    public Map<String, Integer> settings() {
      return Map.of();
    }

    @Override
    public String describe() {
      return "";
    }
  }

  /**
   * Trace of the Hessian's block over its rows: the mean eigenvalue.
   *
   * @param probes vectors, each with a batch of its own, at least 2
   * @param batch training examples of a vector
   */
  record HessianTraces(int probes, int batch) implements Evidence {
    @Override
    public Map<String, Estimate> measure(CompressionState state, List<String> names) {
      final List<LossSample<Batch>> losses = losses(state, batches(state));
      return perWeight(
          state,
          TraceEstimator.estimate(
              state.resources().model(),
              names,
              probe -> List.of(losses.get(probe)),
              TraceEstimator.Stop.after(probes),
              state.seed("signs", "bit allocation"),
              state.resources().progress()));
    }

    @Override
    public List<LabelledBatch> batches(CompressionState state) {
      return sample(state, probes, batch);
    }

    @Override
    public Cost cost(Map<String, long[]> shapes, List<String> names) {
      final long examples = (long) probes * batch;
      final long copy = Float.BYTES * elements(shapes, names);
      return new Cost(0, copy, 2 * examples, 2 * examples, 0);
    }

    @Override
    public Evidence smoke() {
      return new HessianTraces(Math.min(probes, LEAST), Math.min(batch, 4));
    }

    @Override
    public Map<String, Integer> settings() {
      return Map.of("probes", probes, "batch", batch);
    }

    @Override
    public String describe() {
      return String.format(Locale.ROOT, "%d probes of %d examples", probes, batch);
    }
  }

  /**
   * Trace of the empirical Fisher matrix's block over its rows: the mean squared derivative.
   *
   * @param examples training examples, at least 2
   */
  record FisherTraces(int examples) implements Evidence {
    @Override
    public Map<String, Estimate> measure(CompressionState state, List<String> names) {
      return perWeight(
          state,
          FisherTrace.estimate(
              state.resources().model(),
              names,
              losses(state, batches(state)),
              state.resources().progress()));
    }

    @Override
    public List<LabelledBatch> batches(CompressionState state) {
      return sample(state, examples, 1);
    }

    @Override
    public Cost cost(Map<String, long[]> shapes, List<String> names) {
      return new Cost(0, 0, examples, 2L * examples, 0);
    }

    @Override
    public Evidence smoke() {
      return new FisherTraces(Math.min(examples, 8));
    }

    @Override
    public Map<String, Integer> settings() {
      return Map.of("examples", examples);
    }

    @Override
    public String describe() {
      return examples + " examples";
    }
  }

  /**
   * {@code |mean| + standard deviation} (with n - 1) of the top eigenvalue of the block of a
   * matrix's layer, all its parameters, over disjoint slices of the training examples.
   *
   * @param slices at least 2
   * @param batches of {@value #BATCH} examples in a slice
   * @param products most products with the Hessian for one eigenvalue
   */
  record TopEigenvalues(int slices, int batches, int products) implements Evidence {
    static final int BATCH = 32;

    /** The usual number of products is this part of the largest; measured on fine-tuned models. */
    private static final int USUAL_SHARE = 6;

    /** Residual at which an eigenvalue is good enough, as a share of it. */
    static final double TOLERANCE = 0.05;

    @Override
    public Map<String, Estimate> measure(CompressionState state, List<String> names) {
      final List<LossSample<Batch>> losses = losses(state, batches(state));
      final Map<String, Estimate> measured = new LinkedHashMap<>();
      final Map<String, List<String>> blocks = Unit.LAYER.group(names);
      try (var bar =
          state
              .resources()
              .progress()
              .start("Finding top eigenvalues", (long) blocks.size() * slices, "slices")) {
        blocks.forEach(
            (block, members) -> {
              final List<String> all = block(state.shapes(), block);
              final double[] top = new double[slices];
              for (int r = 0; r < slices; r++) {
                final LossHessian<Batch> h =
                    new LossHessian<>(state.resources().model(), all, slice(losses, r));
                top[r] =
                    PowerIteration.largest(
                            h,
                            1,
                            new PowerIteration.Stop(TOLERANCE, products),
                            state.seed(block, "top eigenvalue"))
                        .get(0)
                        .value();
                bar.advance(1);
              }
              members.forEach(name -> measured.put(name, spread(Estimate.of(top))));
            });
      }
      return measured;
    }

    /**
     * Batches r, r + slices, ...: no example is in two slices if there are training rows enough.
     */
    private <T> List<T> slice(List<T> all, int r) {
      final List<T> slice = new ArrayList<>();
      for (int i = r; i < all.size(); i += slices) {
        slice.add(all.get(i));
      }
      return slice;
    }

    private static Estimate spread(Estimate top) {
      final double deviation = top.standardError() * Math.sqrt(top.samples());
      return new Estimate(Math.abs(top.mean()) + deviation, top.standardError(), top.samples());
    }

    /** All parameters of a layer, or the one tensor that belongs to none. */
    private static List<String> block(Map<String, long[]> shapes, String block) {
      return shapes.keySet().stream()
          .filter(name -> block.endsWith(".") ? name.startsWith(block) : name.equals(block))
          .toList();
    }

    @Override
    public List<LabelledBatch> batches(CompressionState state) {
      return sample(state, slices * batches, BATCH);
    }

    @Override
    public Cost cost(Map<String, long[]> shapes, List<String> names) {
      long largest = 0;
      final Map<String, List<String>> blocks = Unit.LAYER.group(names);
      for (String block : blocks.keySet()) {
        largest = Math.max(largest, elements(shapes, block(shapes, block)));
      }
      final long examples = (long) slices * batches * BATCH;
      // a copy of the weights, two vectors of the iteration and four of a product
      final long heap = largest * (Float.BYTES + 6L * Double.BYTES);
      // most iterations end long before the last product that they may take
      final long usual = Math.max(1, products / USUAL_SHARE);
      return new Cost(0, heap, GRADIENTS * usual * blocks.size() * examples, 2 * examples, 0);
    }

    @Override
    public Evidence smoke() {
      return new TopEigenvalues(LEAST, 1, Math.min(products, 2));
    }

    @Override
    public Map<String, Integer> settings() {
      return Map.of("slices", slices, "batches", batches, "products", products);
    }

    @Override
    public String describe() {
      return String.format(
          Locale.ROOT, "%d slices of %d examples, %d products", slices, BATCH * batches, products);
    }
  }
}
