package dev.bantam.pruning;

import dev.bantam.compression.BlockFisher;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.EmpiricalFisher;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.StepProblem;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.StepResources;
import dev.bantam.data.LabelledBatch;
import dev.bantam.model.Batch;
import dev.bantam.model.Model;
import dev.bantam.pruning.Surgeon.UpdateRule;
import dev.bantam.training.TaskLoss;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;

/**
 * The Optimal BERT Surgeon (Kurtic et al. 2022): removes the weights whose removal raises the loss
 * least by a second-order model of it, and moves the others of their blocks to make up for it. The
 * Hessian is replaced by the block-diagonal empirical Fisher matrix.
 *
 * @param scope where weights compete
 * @param pattern which of them go together
 * @param gradients mini-batch gradients of the Fisher matrix
 * @param batch examples of a mini-batch
 * @param block consecutive weights whose interactions count
 * @param dampening added to the diagonal of the Fisher matrix; belongs to the batch size
 * @param rule how surviving weights are moved
 * @param recomputations times that the Fisher matrix is made anew within an event
 * @param memory most bytes for the sums; more tensors take more passes over the gradients
 * @param order how groups are judged
 */
record Obert(
    Scope scope,
    Pattern pattern,
    int gradients,
    int batch,
    int block,
    double dampening,
    UpdateRule rule,
    int recomputations,
    long memory,
    Order order)
    implements Criterion {
  private static final int SMOKE_GRADIENTS = 8;
  private static final int SMOKE_BATCH = 4;
  private static final int SMOKE_BLOCK = 8;
  private static final int SMOKE_RECOMPUTATIONS = 2;

  /** How groups are judged. */
  enum Order {
    /** Each by what its removal alone would cost. */
    ALONE,
    /**
     * By what it costs to remove it and all that went before it from its block, one after the
     * other, the cheapest first (CAP, Kuznedelev et al. 2023).
     */
    GREEDY
  }

  /** Reads {@code prune: {method: obert, ...}}. */
  public static final class Factory implements StepFactory {
    @Override
    public String step() {
      return "prune";
    }

    @Override
    public String method() {
      return "obert";
    }

    @Override
    public Step parse(Settings settings) {
      final Obert criterion = read(settings, Order.ALONE);
      return criterion.pattern.step(settings, criterion);
    }
  }

  /** Reads the settings; a greedy order has one update. */
  static Obert read(Settings settings, Order order) {
    return new Obert(
        settings.choice("scope", Scope.class, Scope.GLOBAL),
        Pattern.read(settings),
        settings.integer("gradients", 1, 1 << 20, 256),
        settings.integer("batch", 1, 1 << 12, 16),
        settings.integer("block", 1, 256, 48),
        settings.number("dampening", Double.MIN_NORMAL, 1e6, 1e-7),
        order == Order.GREEDY
            ? UpdateRule.JOINT
            : settings.choice("update", UpdateRule.class, UpdateRule.JOINT),
        settings.integer("recomputations", 1, 1000, 1),
        (long) (1e9 * settings.number("memory", 0.001, 1e6, 8.0)),
        order);
  }

  @Override
  public String method() {
    return order == Order.GREEDY ? "cap" : rule == UpdateRule.JOINT ? "obert" : "obert-summed";
  }

  @Override
  public String gradualMethod() {
    return method() + "-gradual";
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT,
        "%s, %s, %s, %d gradients of %d, blocks of %d, dampening %s, %s update%s",
        order == Order.GREEDY ? "CAP" : "oBERT",
        scope.name().toLowerCase(Locale.ROOT),
        pattern,
        gradients,
        batch,
        block,
        dampening,
        rule.name().toLowerCase(Locale.ROOT),
        recomputations == 1 ? "" : ", " + recomputations + " recomputations");
  }

  @Override
  public boolean moves() {
    return true;
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public Smoke smoke() {
    final int widest = SMOKE_BLOCK / pattern.width() * pattern.width();
    final Obert cheaper =
        new Obert(
            scope,
            pattern,
            Math.min(gradients, SMOKE_GRADIENTS),
            Math.min(batch, SMOKE_BATCH),
            Math.min(block, Math.max(widest, pattern.width())),
            dampening,
            rule,
            Math.min(recomputations, SMOKE_RECOMPUTATIONS),
            memory,
            order);
    return new Smoke(
        cheaper,
        Map.of(
            "gradients", cheaper.gradients,
            "batch", cheaper.batch,
            "block", cheaper.block,
            "recomputations", cheaper.recomputations));
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> matrices) {
    final List<StepProblem> problems = new ArrayList<>(pattern.check(matrices, block));
    for (Map.Entry<String, long[]> matrix : matrices.entrySet()) {
      final long bytes = bytes(matrix.getValue());
      if (bytes > memory) {
        problems.add(
            new StepProblem(
                "memory",
                String.format(
                    Locale.ROOT,
                    "'%s' alone needs %.3f GB for its Fisher blocks of %d. Allow that much, or take"
                        + " smaller blocks.",
                    matrix.getKey(),
                    bytes / 1e9,
                    block)));
      }
    }
    return problems;
  }

  @Override
  public Step.Cost cost(Map<String, long[]> matrices) {
    long sums = 0;
    long weights = 0;
    int passes = 1;
    long ofPass = 0;
    for (long[] shape : matrices.values()) {
      sums += bytes(shape);
      ofPass += bytes(shape);
      weights += shape[0] * shape[1];
      if (ofPass > memory) {
        passes++;
        ofPass = bytes(shape);
      }
    }
    final long examples = (long) gradients * batch * recomputations;
    final long sweeps = passes == 1 ? 1 : 2L * passes;
    // weights, those before, marks of both kinds, and the scores twice
    final long heap = weights * (2 * Float.BYTES + 2 + 2 * Double.BYTES);
    return new Step.Cost(Math.min(sums, memory), heap, sweeps * examples, examples, 0);
  }

  private long bytes(long[] shape) {
    return BlockFisher.bytes(shape[0] * shape[1], block, EmpiricalFisher.BUFFERED);
  }

  @Override
  public StepLog.Event prune(
      PrunedWeights weights, double sparsity, int number, boolean only, CompressionState state) {
    final double from = weights.sparsity();
    final Map<String, Double> predicted = new LinkedHashMap<>();
    OptionalDouble before = OptionalDouble.empty();
    for (int r = 1; r <= recomputations; r++) {
      final double target = from + (sparsity - from) * r / recomputations;
      final Round round =
          new Round(weights, batches(state, number, r), state, number + "/" + r, only && r == 1);
      final double loss = round.remove(r == recomputations ? sparsity : target, predicted);
      before = before.isPresent() ? before : OptionalDouble.of(loss);
      weights.write(state.weights());
    }
    return new StepLog.Event(
        number,
        weights.sparsity(),
        before,
        OptionalDouble.of(loss(state.resources(), batches(state, number, 1))),
        predicted);
  }

  private List<LabelledBatch> batches(CompressionState state, int number, int round) {
    return new EmpiricalFisher.Sample(
            gradients, batch, state.seed("gradients", "event " + number + "/" + round))
        .batches(state.resources().train());
  }

  /** Mean task loss without dropout. */
  @SuppressWarnings("try") // the scope is what counts, not the variable
  private static double loss(StepResources resources, List<LabelledBatch> batches) {
    final Model<Batch> model = resources.model();
    double sum = 0;
    try (Model.Frozen frozen = model.freeze()) {
      for (LabelledBatch batch : batches) {
        final Model.Outputs outputs = model.outputs(batch.batch());
        sum +=
            TaskLoss.of(resources.task().requireHead().kind(), batch.labels(), batch.targets())
                .apply(
                    outputs.values(),
                    outputs.rows(),
                    outputs.columns(),
                    new float[outputs.values().length]);
      }
    }
    return sum / batches.size();
  }

  /** One Fisher matrix and what is removed by it. */
  private final class Round {
    private final PrunedWeights weights;
    private final List<LabelledBatch> batches;
    private final CompressionState state;
    private final String name;
    private final boolean sharing;
    private final List<List<Integer>> groups;
    private double loss;

    Round(
        PrunedWeights weights,
        List<LabelledBatch> batches,
        CompressionState state,
        String name,
        boolean sharing) {
      this.weights = weights;
      this.batches = batches;
      this.state = state;
      this.name = name;
      this.sharing = sharing;
      this.groups = groups();
    }

    /** Matrices whose sums fit into the memory together. */
    private List<List<Integer>> groups() {
      final List<List<Integer>> found = new ArrayList<>();
      long used = 0;
      for (int t = 0; t < weights.count(); t++) {
        final long bytes =
            BlockFisher.bytes(weights.weights(t).length, block, EmpiricalFisher.BUFFERED);
        if (found.isEmpty() || used + bytes > memory) {
          found.add(new ArrayList<>());
          used = 0;
        }
        found.get(found.size() - 1).add(t);
        used += bytes;
      }
      return found;
    }

    /** Removes weights and returns the loss before. */
    double remove(double sparsity, Map<String, Double> predicted) {
      if (groups.size() > 1) {
        inManyPasses(sparsity, predicted);
      } else if (!sharing || weights.isPruned()) {
        try (EmpiricalFisher fisher = sample(groups.get(0))) {
          inOnePass(fisher, sparsity, predicted);
        }
      } else {
        inOnePass(
            state.resources().shared(EmpiricalFisher.class, key(), () -> sample(groups.get(0))),
            sparsity,
            predicted);
      }
      return loss;
    }

    private void inOnePass(EmpiricalFisher fisher, double sparsity, Map<String, Double> predicted) {
      loss = fisher.loss();
      final boolean[][] removed = new boolean[weights.count()][];
      final double[][] scores = new double[weights.count()][];
      for (int t : groups.get(0)) {
        judge(t, fisher, scores, removed);
      }
      select(scores, removed, sparsity);
      for (int t : groups.get(0)) {
        operate(t, fisher, removed, predicted);
      }
    }

    /** Scores first, with the sums of one group at a time; then the same gradients once more. */
    private void inManyPasses(double sparsity, Map<String, Double> predicted) {
      final boolean[][] removed = new boolean[weights.count()][];
      final double[][] scores = new double[weights.count()][];
      for (List<Integer> group : groups) {
        try (EmpiricalFisher fisher = sample(group)) {
          loss = fisher.loss();
          group.forEach(t -> judge(t, fisher, scores, removed));
        }
      }
      select(scores, removed, sparsity);
      for (List<Integer> group : groups) {
        try (EmpiricalFisher fisher = sample(group)) {
          group.forEach(t -> operate(t, fisher, removed, predicted));
        }
      }
    }

    private EmpiricalFisher sample(List<Integer> group) {
      final Map<String, boolean[]> kept = new LinkedHashMap<>();
      for (int t : group) {
        kept.put(weights.names().get(t), weights.isPruned(t) ? weights.kept(t) : null);
      }
      return new EmpiricalFisher(
          state.resources().model(),
          state.resources().task().requireHead().kind(),
          kept,
          block,
          batches,
          state.resources().workers(),
          state.resources().progress());
    }

    /** Everything that the sums depend on beside the training rows. */
    private String key() {
      return String.join(
          " ",
          state.weightsHash(),
          Integer.toString(gradients),
          Integer.toString(batch),
          Integer.toString(block),
          Long.toString(state.seed("gradients", "event " + name)),
          String.join(",", weights.names()));
    }

    private Surgeon surgeon(int t, EmpiricalFisher fisher) {
      final String tensor = weights.names().get(t);
      return new Surgeon(tensor, fisher.of(tensor), dampening, gradients, rule);
    }

    private void judge(int t, EmpiricalFisher fisher, double[][] scores, boolean[][] removed) {
      final float[] w = weights.weights(t);
      if (order == Order.GREEDY) {
        judgeGreedily(t, fisher, w, scores, removed);
      } else if (pattern.isFixed()) {
        removed[t] = new boolean[w.length];
        surgeon(t, fisher)
            .choose(
                pattern.kept(),
                pattern.of(),
                w,
                weights.kept(t),
                removed[t],
                state.resources().workers());
      } else {
        scores[t] = new double[w.length / pattern.size()];
        surgeon(t, fisher)
            .scores(pattern.size(), w, weights.kept(t), scores[t], state.resources().workers());
      }
    }

    private void judgeGreedily(
        int t, EmpiricalFisher fisher, float[] w, double[][] scores, boolean[][] removed) {
      scores[t] = new double[w.length / pattern.size()];
      removed[t] = new boolean[w.length];
      surgeon(t, fisher)
          .cumulativeLosses(pattern, w, weights.kept(t), scores[t], state.resources().workers());
      for (int i = 0; pattern.isFixed() && i < removed[t].length; i++) {
        removed[t][i] = weights.kept(t)[i] && scores[t][i] < Double.POSITIVE_INFINITY;
      }
    }

    private void select(double[][] scores, boolean[][] removed, double sparsity) {
      if (pattern.isFixed()) {
        return;
      }
      final boolean[][] marks = Choice.marks(scope, scores, sparsity);
      for (int t = 0; t < marks.length; t++) {
        removed[t] = new boolean[weights.weights(t).length];
        for (int i = 0; i < removed[t].length; i++) {
          removed[t][i] = marks[t][i / pattern.size()] && weights.kept(t)[i];
        }
      }
    }

    private void operate(
        int t, EmpiricalFisher fisher, boolean[][] removed, Map<String, Double> predicted) {
      final double increase =
          surgeon(t, fisher)
              .remove(
                  pattern.size(),
                  weights.weights(t),
                  weights.kept(t),
                  removed[t],
                  state.resources().workers());
      weights.remove(t, removed[t]);
      predicted.merge(weights.names().get(t), increase, Double::sum);
    }
  }
}
