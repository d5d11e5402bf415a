package dev.bantam.binarization;

import dev.bantam.binarization.BiAttention.Threshold;
import dev.bantam.compression.CompressedTensor;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Operation;
import dev.bantam.compression.Settings;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepFactory;
import dev.bantam.compression.StepLog;
import dev.bantam.compression.StepResources;
import dev.bantam.compression.TensorSelector;
import dev.bantam.compression.WeightErrors;
import dev.bantam.data.Batches;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Floats;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Trains an encoder whose matrices, words and activations have a few values each, and stores it as
 * bits with what it does to its activations.
 *
 * @param method weights, attention and lessons
 * @param selector the matrices
 * @param weights bits of the matrices, 1 or 2
 * @param words bits of the word table, 1 or 2; 32 to leave it
 * @param activations bits of activations, stage by stage, 1 to 8; 32 to leave them
 * @param threshold of Bi-Attention
 * @param relu whether the FFN of BiT has ReLU
 * @param training of each stage
 */
record BinarizationStep(
    Method method,
    TensorSelector selector,
    int weights,
    int words,
    List<Integer> activations,
    Threshold threshold,
    boolean relu,
    BinaryTraining training)
    implements Step {
  private static final String STEP = "binarize";
  private static final String POOLER = "pooler.dense.weight";

  /** Query, key, value and probabilities of a layer. */
  private static final int ATTENTION_SITES = 4;

  private static final String HEAD = "classifier.weight";
  private static final String UP = ".intermediate.dense.weight";
  private static final String DOWN = ".output.dense.weight";
  private static final List<String> PROJECTIONS =
      List.of(
          ".attention.self.query.weight",
          ".attention.self.key.weight",
          ".attention.self.value.weight");

  BinarizationStep {
    activations = List.copyOf(activations);
  }

  /** Reads {@code binarize: {method: ...}}. */
  private abstract static class Factory implements StepFactory {
    private final Method method;

    Factory(Method method) {
      this.method = method;
    }

    @Override
    public String step() {
      return STEP;
    }

    @Override
    public String method() {
      return method.name().toLowerCase(Locale.ROOT);
    }

    @Override
    public Step parse(Settings settings) {
      return read(settings, method);
    }
  }

  /** Reads {@code method: sign}. */
  public static final class Sign extends Factory {
    public Sign() {
      super(Method.SIGN);
    }
  }

  /** Reads {@code method: bibert}. */
  public static final class Bibert extends Factory {
    public Bibert() {
      super(Method.BIBERT);
    }
  }

  /** Reads {@code method: bit}, the default. */
  public static final class Bit extends Factory {
    public Bit() {
      super(Method.BIT);
    }

    @Override
    public boolean isDefault() {
      return true;
    }
  }

  private static BinarizationStep read(Settings s, Method method) {
    final int weights = s.integer("weights", 1, 2, 1);
    final int words = s.integer("embeddings", 1, Coders.FLOAT, 1);
    if (words > 2 && words != Coders.FLOAT) {
      s.problem("embeddings", "1 or 2 bits, or 32 to leave the word table as it is.");
    }
    final List<Integer> activations = activations(s, method);
    final boolean oneBit = activations.contains(1);
    final boolean coded = !activations.contains(Coders.FLOAT);
    final Threshold threshold =
        method == Method.BIBERT && oneBit
            ? s.choice("threshold", Threshold.class, Threshold.AT_LEAST_ZERO)
            : Threshold.AT_LEAST_ZERO;
    final boolean elastic = method == Method.BIT && coded;
    final boolean relu = elastic && s.flag("relu", true);
    return new BinarizationStep(
        method,
        TensorSelector.read(s),
        weights,
        words,
        activations,
        threshold,
        relu,
        BinaryTraining.read(s, method, words != Coders.FLOAT, elastic));
  }

  private static List<Integer> activations(Settings s, Method method) {
    final List<Integer> activations = s.wholeNumbers("activations", 1, Coders.FLOAT, List.of(1));
    if (activations.stream().anyMatch(b -> b > 8 && b != Coders.FLOAT)) {
      s.problem("activations", "1 to 8 bits, or 32 to leave activations as they are.");
    }
    if (activations.size() > 1 && method != Method.BIT) {
      s.problem("activations", "a list of stages is for method 'bit'; write one width.");
    }
    if (activations.size() > 1 && activations.contains(Coders.FLOAT)) {
      s.problem("activations", "32 is no stage; write widths of 1 to 8 bits, e.g. [2, 1].");
    }
    return activations.isEmpty() ? List.of(1) : activations;
  }

  @Override
  public List<StepProblem> check(Map<String, long[]> shapes) {
    final List<StepProblem> problems = new ArrayList<>(selector.check(shapes));
    problems.addAll(training.retraining().check(withoutHead(shapes)));
    for (String name : selector.select(shapes)) {
      if (!TensorSelector.isEncoderMatrix(name) && !name.equals(POOLER)) {
        problems.add(
            new StepProblem(
                "targets",
                "'"
                    + name
                    + "' cannot be binarized as a target: those are matrices of encoder layers and"
                    + " the pooler's. The word table goes by 'embeddings'."));
      }
    }
    if (words != Coders.FLOAT && !shapes.containsKey(Coding.WORDS)) {
      problems.add(
          new StepProblem("embeddings", "the model has no word table. Write 'embeddings: 32'."));
    }
    for (String name : tensors(shapes)) {
      if (training.retraining().freezes(name)) {
        problems.add(
            new StepProblem(
                "train",
                "'"
                    + name
                    + "' is to be binarized, and 'freeze' keeps it from being trained. Take it out"
                    + " of 'freeze', or list it under 'skip'."));
      }
    }
    problems.addAll(incomplete(shapes.keySet(), new LinkedHashSet<>(selector.select(shapes))));
    final long[] head = shapes.get(HEAD);
    if (head != null
        && head[0] == 1
        && training.isTaught()
        && training.labels() != BinaryTraining.usualLabels(method)) {
      problems.add(
          new StepProblem(
              "train",
              "'labels' has no effect on a head of one output, which learns the teacher's number"
                  + " alone. Take it out, or write 'teacher: none' to learn from labels."));
    }
    return problems;
  }

  /** Layers of which too little is to be binarized for what they would be trained with. */
  private List<StepProblem> incomplete(Set<String> names, Set<String> targets) {
    final List<StepProblem> problems = new ArrayList<>();
    for (String name : names) {
      if (last() != Coders.FLOAT && name.endsWith(PROJECTIONS.get(0))) {
        final String layer = name.substring(0, name.length() - PROJECTIONS.get(0).length());
        final List<String> left =
            PROJECTIONS.stream().map(layer::concat).filter(p -> !targets.contains(p)).toList();
        if (!left.isEmpty() && left.size() < PROJECTIONS.size()) {
          problems.add(
              new StepProblem(
                  "targets",
                  "query, key and value of a layer are binarized together or not at all, and of "
                      + layer
                      + " "
                      + left
                      + " are left out. Add them to 'targets', or list all three under 'skip'."));
        }
      }
      if (relu && targets.contains(name) && name.endsWith(UP)) {
        final String down = name.substring(0, name.length() - UP.length()) + DOWN;
        if (!targets.contains(down)) {
          problems.add(
              new StepProblem(
                  "relu",
                  "has no effect where '"
                      + down
                      + "' is not binarized, and '"
                      + name
                      + "' before it is. Write 'relu: false', or binarize both."));
        }
      }
    }
    return problems;
  }

  /** A single output is learned by its squared difference, so nothing stands against a teacher. */
  private static Map<String, long[]> withoutHead(Map<String, long[]> shapes) {
    final Map<String, long[]> others = new LinkedHashMap<>(shapes);
    final long[] head = shapes.get(HEAD);
    if (head != null) {
      others.put(HEAD, new long[] {Math.max(2, head[0]), head[1]});
    }
    return others;
  }

  private List<String> tensors(Map<String, long[]> shapes) {
    final Set<String> chosen = new LinkedHashSet<>(selector.select(shapes));
    if (words != Coders.FLOAT) {
      chosen.add(Coding.WORDS);
    }
    return shapes.keySet().stream().filter(chosen::contains).toList();
  }

  @Override
  public boolean needsLabels() {
    return true;
  }

  @Override
  public Set<Operation.Effect> addsOperations() {
    return last() == Coders.FLOAT ? Set.of() : Set.of(Operation.Effect.OTHER);
  }

  private int last() {
    return activations.get(activations.size() - 1);
  }

  private WeightCoder coder(String name) {
    return name.equals(Coding.WORDS) ? method.words(words) : method.weights(weights);
  }

  private String describe(String name) {
    final boolean table = name.equals(Coding.WORDS);
    final WeightCoder coder = coder(name);
    return (coder.levels() == 2 ? "1 bit" : "ternary")
        + (coder.oneScale() ? ", one scale" : ", one scale a row")
        + (table || last() == Coders.FLOAT
            ? ""
            : ", inputs "
                + activations.stream().map(String::valueOf).collect(Collectors.joining(" then "))
                + " bit");
  }

  @Override
  public List<Forecast> forecast(Map<String, long[]> shapes, Map<String, Forecast> before) {
    final List<Forecast> forecasts = new ArrayList<>();
    for (String name : tensors(shapes)) {
      final long[] shape = shapes.get(name);
      final WeightCoder coder = coder(name);
      final long row = coder.levels() == 2 ? (shape[1] + 7) / 8 : (shape[1] + 4) / 5;
      final long scales = Float.BYTES * (coder.oneScale() ? 1 : shape[0]);
      forecasts.add(
          new Forecast(
              name,
              describe(name) + "; " + training.describe(activations.size()),
              shape[0] * row + scales + learnedBytes(name, shape[1])));
    }
    return forecasts;
  }

  /** Scale and thresholds of a matrix's inputs; those of attention's sites count with the query. */
  private long learnedBytes(String name, long inputs) {
    if (method != Method.BIT || last() == Coders.FLOAT || name.equals(Coding.WORDS)) {
      return 0;
    }
    return Float.BYTES * (1 + inputs + (name.endsWith(PROJECTIONS.get(0)) ? ATTENTION_SITES : 0));
  }

  /** A teacher's forward beside each training pass costs a third of it. */
  @Override
  public Cost cost(Map<String, long[]> shapes) {
    final int epochs = activations.size() * training.retraining().settings().epochs();
    final boolean readsTeacher = training.isTaught() && method != Method.SIGN;
    long latent = 0;
    for (String name : tensors(shapes)) {
      latent += shapes.get(name)[0] * shapes.get(name)[1];
    }
    final long teacher = (activations.size() > 1 ? 3L : 1L) * Float.BYTES * latent;
    return new Cost(
        Float.BYTES * latent + teacher, 0, 0, 0, readsTeacher ? (4 * epochs + 2) / 3 : epochs);
  }

  @Override
  public Smoke smoke() {
    final BinaryTraining shorter = training.smoke();
    final Map<String, Integer> settings = new LinkedHashMap<>();
    settings.put("train.epochs", shorter.retraining().settings().epochs());
    settings.put("train.batch", shorter.retraining().settings().batch());
    return new Smoke(
        new BinarizationStep(
            method, selector, weights, words, activations, threshold, relu, shorter),
        settings);
  }

  @Override
  public StepLog apply(CompressionState state) {
    final EncoderModel model = training.retraining().encoder(state.resources());
    if (!state.operations().isEmpty()) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "binarize: an earlier step changed what passes at "
              + state.operations().keySet()
              + ", and a binary encoder has its own way there. Put 'binarize' first.");
    }
    final Map<String, float[]> before = new LinkedHashMap<>();
    tensors(state.shapes()).forEach(name -> before.put(name, state.finiteWeight(name)));
    final List<CodeFlips> flips = new ArrayList<>();
    Optional<Coding> coding = Optional.empty();
    try {
      for (int stage = 0; stage < activations.size(); stage++) {
        coding = Optional.of(train(state, model, stage, coding, flips));
      }
    } finally {
      model.detachAll();
    }
    final Coding trained = coding.orElseThrow();
    final List<StepLog.Entry> entries = new ArrayList<>();
    before.forEach(
        (name, weight) ->
            entries.add(store(state, trained, name, weight, flips.get(flips.size() - 1))));
    trained.operations().forEach(state::attach);
    trained.close();
    return new StepLog(STEP, method.name().toLowerCase(Locale.ROOT), entries);
  }

  /**
   * One stage.
   *
   * @param before the coding of the stage before it, which is attached to the model, if there is
   *     one
   */
  private Coding train(
      CompressionState state,
      EncoderModel model,
      int stage,
      Optional<Coding> before,
      List<CodeFlips> flips) {
    final Optional<Instructor> instructor = instructor(state.resources(), model, before);
    try {
      model.detachAll();
      before.ifPresent(Coding::close);
      return train(state, model, stage, before, instructor, flips);
    } finally {
      instructor.ifPresent(Instructor::close);
    }
  }

  /**
   * The model of the stage before, as it is attached now, or the dense one; none without lessons.
   */
  private Optional<Instructor> instructor(
      StepResources resources, EncoderModel model, Optional<Coding> before) {
    if (!training.isTaught()) {
      return Optional.empty();
    }
    return Optional.of(
        before
            .map(coding -> Instructor.copy(model, coding, resources.workers()))
            .orElseGet(() -> Instructor.dense(resources.teacher())));
  }

  private Coding train(
      CompressionState state,
      EncoderModel model,
      int stage,
      Optional<Coding> before,
      Optional<Instructor> instructor,
      List<CodeFlips> flips) {
    final StepResources resources = state.resources();
    final Coding coding =
        new Coders(
                method,
                weights,
                words,
                activations.get(stage),
                threshold,
                relu,
                training.scaleRate())
            .attach(
                model,
                new LinkedHashSet<>(selector.select(state.shapes())),
                firstBatch(state),
                before);
    final Map<String, INDArray> watched = new LinkedHashMap<>();
    coding.tensors().forEach(name -> watched.put(name, state.weights().get(name)));
    final CodeFlips counted = new CodeFlips(coding, watched, resources.progress());
    flips.add(counted);
    final long seed = state.seed("training", stage == 0 ? STEP : STEP + "-" + (stage + 1));
    if (instructor.isEmpty()) {
      training
          .retraining()
          .run(
              state,
              watched.keySet(),
              seed,
              counted,
              (r, train) -> Optional.empty(),
              batch -> List.of());
      return coding;
    }
    try (Lessons lessons =
        new Lessons(method, instructor.get().model(), training.labels(), resources.workers())) {
      training
          .retraining()
          .run(state, watched.keySet(), seed, counted, lessons::outputs, lessons::terms);
    }
    return coding;
  }

  private Batch firstBatch(CompressionState state) {
    return Batches.shuffled(
            state.resources().train(),
            training.retraining().settings().batch(),
            state.seed("training", STEP),
            0)
        .get(0)
        .batch();
  }

  private StepLog.Entry store(
      CompressionState state, Coding coding, String name, float[] before, CodeFlips flips) {
    final WeightCoder coder = coding.weightCoder(name);
    final INDArray weight = state.weights().get(name);
    final CompressedTensor form = CodedWeight.of(coder, weight).form();
    final List<Double> changed = flips.percentages(name);
    state.put(name, form);
    final float[] after = Floats.toArray(weight);
    return new StepLog.Entry(
        name,
        describe(name)
            + "; codes changed by epoch "
            + changed.stream()
                .map(p -> String.format(Locale.ROOT, "%.2f", p))
                .collect(Collectors.joining(", "))
            + " %",
        OptionalInt.of(coder.levels() == 2 ? 1 : 2),
        WeightErrors.sparsity(after),
        form.storedBytes(),
        WeightErrors.relative(before, after));
  }
}
