package dev.bantam.runner.run;

import dev.bantam.checkpoint.Architecture;
import dev.bantam.checkpoint.Architecture.LayerShape;
import dev.bantam.checkpoint.NamePattern;
import dev.bantam.compression.Step;
import dev.bantam.compression.Step.Forecast;
import dev.bantam.compression.TensorSelector;
import dev.bantam.data.Split;
import dev.bantam.data.TaskKind;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.ParsedStep;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Stream;

/**
 * What an experiment will take, from the shapes of its models and the lengths of its texts.
 *
 * @param memoryBytes largest resident memory of the process, as the launcher sets up the JVM
 * @param heapBytes what of it lies on the Java heap
 * @param diskBytes what the run folder will hold when it is done
 * @param operations floating point operations of all training and evaluation
 */
record Prediction(long memoryBytes, long heapBytes, long diskBytes, double operations) {
  private static final int BYTES = Float.BYTES;

  /** JVM, class data, compiled code, ND4J's and OpenBLAS' libraries and buffers; measured. */
  private static final long FIXED = 330_000_000L;

  /** New objects before they are collected, as the launcher limits them. */
  private static final long YOUNG = 64_000_000L;

  /** Objects of a text beside its words: the example, its strings and arrays; measured. */
  private static final long TEXT = 200;

  /** A word as text and as tokens. */
  private static final long WORD = 12;

  /** Tokens of an evaluation batch, see {@code Evaluator}. */
  private static final long EVALUATION_TOKENS = 4096;

  /** Rows of an evaluation batch of a network, see {@code Evaluator}. */
  private static final long NETWORK_ROWS = 512;

  /** Mean tokens of a word or piece of punctuation in English text, for texts not yet tokenized. */
  private static final double TOKENS_PER_WORD = 1.3;

  /**
   * Share of the speed of large matrix products that training and evaluation are taken to reach.
   */
  private static final double EFFICIENCY = 0.55;

  /** Work of less is over before a prediction would be worth its half second. */
  private static final double SMALL = 2e12;

  /** Whether the work is worth predicting its time before it begins. */
  boolean isLong() {
    return operations > SMALL;
  }

  /** Time of the work, from the speed that this machine has right now; takes half a second. */
  double seconds(int threads) {
    try (Workers workers = new Workers(threads)) {
      return operations / (ProductSpeed.layers(workers) * 1e9 * EFFICIENCY);
    }
  }

  /** A time in words. */
  static String minutes(double seconds) {
    return seconds < 120
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : String.format(Locale.ROOT, "%.0f min", seconds / 60);
  }

  static Prediction of(Prepared prepared) {
    long memory = 0;
    long heap = 0;
    long disk = 0;
    double operations = 0;
    for (Subject subject : prepared.subjects()) {
      final long onHeap = heap(prepared, subject);
      heap = Math.max(heap, onHeap);
      memory = Math.max(memory, onHeap + tensors(prepared, subject));
      operations += operations(prepared, subject);
    }
    for (Cell cell : prepared.cells()) {
      final long bytes = storedBytes(cell);
      disk += bytes;
      if (isExported(cell)) {
        for (ExportFormat format : prepared.experiment().exports()) {
          disk += cell.goesInto(format) ? exportedBytes(cell, format, bytes) : 0;
        }
      }
    }
    return new Prediction(FIXED + memory, heap, disk + resume(prepared), operations);
  }

  /** ONNX keeps float32, or about a byte a parameter. */
  private static long exportedBytes(Cell cell, ExportFormat format, long packed) {
    final long parameters =
        cell.subject().shapes().values().stream().mapToLong(Prediction::elements).sum();
    return switch (format) {
      case ONNX -> BYTES * parameters;
      case ONNX_INT8, ONNX_INT4 -> parameters;
      default -> packed;
    };
  }

  /** The state of a training, twice while it is replaced: weights, best, two moments. */
  private static long resume(Prepared prepared) {
    return prepared.subjects().stream()
        .mapToLong(s -> 8 * trainedBytes(prepared, s))
        .max()
        .orElse(0);
  }

  private static long trainedBytes(Prepared prepared, Subject subject) {
    if (!trains(prepared, subject) && !retrains(prepared, subject)) {
      return 0;
    }
    final FinetuneSettings settings = prepared.experiment().finetune();
    return subject.shapes().entrySet().stream()
        .filter(e -> settings.freeze().stream().noneMatch(p -> matches(p, e.getKey())))
        .mapToLong(e -> BYTES * elements(e.getValue()))
        .sum();
  }

  /** One seed and draw of every variant is exported: its first. */
  static boolean isExported(Cell cell) {
    return cell.seed() == cell.variant().seeds().get(0) && cell.draw() == 1;
  }

  /** Bytes of a cell's packed weights, headers apart; a guess where only the weights can tell. */
  static long storedBytes(Cell cell) {
    final Map<String, Long> bytes = new LinkedHashMap<>();
    final Map<String, long[]> shapes = cell.subject().shapes();
    shapes.forEach((name, shape) -> bytes.put(name, BYTES * elements(shape)));
    forecasts(cell).forEach(f -> bytes.put(f.tensor(), f.storedBytes()));
    return bytes.values().stream().mapToLong(Long::longValue).sum();
  }

  /**
   * What the steps of a cell will do, in order; a tensor of several steps is in it several times.
   */
  static List<Forecast> forecasts(Cell cell) {
    final Map<String, long[]> shapes = cell.subject().shapes();
    final Map<String, Forecast> before = new LinkedHashMap<>();
    final List<Forecast> all = new ArrayList<>();
    for (ParsedStep<Step> step : cell.variant().steps()) {
      final List<Forecast> ofStep = step.value().forecast(shapes, before);
      ofStep.forEach(f -> before.put(f.tensor(), f));
      all.addAll(ofStep);
    }
    return all;
  }

  private static long elements(long[] shape) {
    long n = 1;
    for (long size : shape) {
      n *= size;
    }
    return n;
  }

  private static long weights(Subject subject) {
    return subject.shapes().values().stream().mapToLong(s -> BYTES * elements(s)).sum();
  }

  /**
   * The heap when it is fullest, while a cell is written or read back: the stored forms of all
   * tensors twice, one tensor restored and compared, all texts, and the packed matrices that the
   * live model multiplies with, once for its forward and once for its backward.
   */
  private static long heap(Prepared prepared, Subject subject) {
    final long largest =
        subject.shapes().values().stream().mapToLong(s -> BYTES * elements(s)).max().orElse(0);
    long texts = 0;
    for (Split split : Split.values()) {
      texts +=
          subject.task().examples(split).size()
              * (TEXT + Math.round(WORD * meanWords(subject, split)));
    }
    // masked products have packed copies of their own beside those of the plain ones
    final int copies = retrains(prepared, subject) ? 4 : trains(prepared, subject) ? 2 : 1;
    final long packed = BYTES * encoderMatrices(subject) * copies;
    return YOUNG
        + texts
        + 2 * weights(subject)
        + 2 * largest
        + packed
        + vectors(prepared, subject)
        + largest(prepared, subject, Step.Cost::heapBytes);
  }

  /**
   * Sentence vectors of a task that is scored by them: the model's and the dense model's, and what
   * the model's are multiplied with.
   */
  private static long vectors(Prepared prepared, Subject subject) {
    return subject.task().kind().hasLabels()
        ? 0
        : 4 * BYTES * inputs(prepared, subject) * subject.encoder().architecture().hiddenSize();
  }

  /** Texts that are evaluated one by one. */
  private static long inputs(Prepared prepared, Subject subject) {
    final long rows = subject.examples(prepared.split());
    return subject.task().kind() == TaskKind.RETRIEVAL ? 2 * rows : rows;
  }

  /** The most that a step takes. */
  private static long largest(Prepared prepared, Subject subject, ToLongFunction<Step.Cost> what) {
    return prepared.cells().stream()
        .filter(c -> c.subject() == subject)
        .flatMap(Prediction::costs)
        .mapToLong(what)
        .max()
        .orElse(0);
  }

  private static Stream<Step.Cost> costs(Cell cell) {
    final Map<String, long[]> shapes = cell.subject().shapes();
    return cell.variant().steps().stream().map(step -> step.value().cost(shapes));
  }

  /** Off-heap: the source and the live model, and what training or compressing adds to them. */
  private static long tensors(Prepared prepared, Subject subject) {
    return ofModel(prepared, subject)
        + Math.max(
            largest(prepared, subject, Step.Cost::offHeapBytes),
            Math.max(merging(prepared, subject), deltas(prepared, subject)));
  }

  /** The model, what is read back of it, and another base where one is named. */
  private static long deltas(Prepared prepared, Subject subject) {
    return prepared.cells().stream()
        .filter(c -> c.isDelta() && c.subject() == subject)
        .mapToLong(c -> (c.variant().delta().orElseThrow().base().isPresent() ? 3 : 2))
        .map(models -> models * weights(subject))
        .max()
        .orElse(0);
  }

  /** The models that are merged, and what comes of them. */
  private static long merging(Prepared prepared, Subject subject) {
    final int inputs =
        prepared.cells().stream()
            .filter(c -> c.isMerged() && c.subject() == subject)
            .mapToInt(c -> prepared.inputs(c).size())
            .max()
            .orElse(0);
    final boolean measured =
        prepared.cells().stream()
            .filter(c -> c.isMerged() && c.subject() == subject)
            .anyMatch(c -> MergeEvidence.isNeeded(c.variant().merge().orElseThrow()));
    // what models are weighed by takes as much as they do, or less
    return inputs == 0 ? 0 : ((measured ? 2 : 1) * inputs + 1) * weights(subject);
  }

  private static long ofModel(Prepared prepared, Subject subject) {
    final FinetuneSettings settings = prepared.experiment().finetune();
    final long weights = weights(subject);
    if (subject.network().isPresent()) {
      return ofNetwork(subject);
    }
    final Architecture a = subject.encoder().architecture();
    if (!trains(prepared, subject) && !retrains(prepared, subject)) {
      return 3 * weights + forResults(a);
    }
    // batches are sorted by length: the longest text is about three times the mean
    final long longest =
        Math.min(
            subject.model().maxLength(),
            Math.round(3 * meanWords(subject, Split.TRAIN) * TOKENS_PER_WORD + 2));
    final int batch = Math.min(settings.batch(), subject.task().examples(Split.TRAIN).size());
    final long trained = trainedBytes(prepared, subject);
    // the model keeps the memory of its passes and gradients, for the next seed
    final long model = 2 * weights + trained + forGradients(a, batch, longest);
    final long momentsAndBest = 3 * trained;
    final long fineTuned = weights;
    // steps that train keep the fine-tuned weights too, and a masked copy of each matrix
    return model
        + (retrains(prepared, subject)
            ? momentsAndBest + fineTuned + BYTES * encoderMatrices(subject)
            : Math.max(momentsAndBest, fineTuned));
  }

  /**
   * The source, the live network, its gradients and what is read back; activations of a batch in
   * both directions, as if every matrix gave one value a row. A guess for convolutions, which give
   * one a place.
   */
  private static long ofNetwork(Subject subject) {
    final long outputs = subject.shapes().values().stream().mapToLong(shape -> shape[0]).sum();
    return 4 * weights(subject) + 2 * BYTES * NETWORK_ROWS * outputs;
  }

  /** Whether a step trains. */
  private static boolean retrains(Prepared prepared, Subject subject) {
    return largest(prepared, subject, Step.Cost::epochs) > 0;
  }

  private static boolean trains(Prepared prepared, Subject subject) {
    return subject.isTrained(prepared.experiment().finetune());
  }

  /** Elements of the matrices of the layers. */
  private static long encoderMatrices(Subject subject) {
    return subject.shapes().entrySet().stream()
        .filter(e -> TensorSelector.isLayerMatrix(e.getKey()))
        .mapToLong(e -> elements(e.getValue()))
        .sum();
  }

  private static boolean matches(String pattern, String name) {
    return NamePattern.of(pattern).matches(name);
  }

  /** Memory of a model's passes once it has run one for gradients: each layer keeps its own. */
  private static long forGradients(Architecture a, long batch, long length) {
    final long tokens = Math.max(batch * length, EVALUATION_TOKENS);
    long floats = 0;
    long widest = 0;
    for (LayerShape layer : a.layers()) {
      final long width = (long) layer.heads() * a.headSize();
      floats += tokens * (4 * width + 4L * a.hiddenSize() + 2L * layer.ffnWidth());
      floats += tokens * layer.heads() * length;
      widest = Math.max(widest, 4 * width + 2L * a.hiddenSize() + layer.ffnWidth());
    }
    return BYTES * (floats + batch * length * widest);
  }

  /** Memory of passes for results alone, which share one layer's. */
  private static long forResults(Architecture a) {
    final LayerShape layer = a.layers().get(0);
    final long width = (long) layer.heads() * a.headSize();
    return BYTES * EVALUATION_TOKENS * (4 * width + 3L * a.hiddenSize() + layer.ffnWidth());
  }

  private static double operations(Prepared prepared, Subject subject) {
    final long encoder = encoderMatrices(subject);
    final int trainRows =
        prepared
            .experiment()
            .finetune()
            .examples()
            .orElse(subject.task().examples(Split.TRAIN).size());
    final int evaluatedRows = subject.examples(prepared.split());
    final int tuneRows = subject.tuneExamples();
    final double tokens =
        subject.network().isPresent() ? 1 : meanWords(subject, Split.TRAIN) * TOKENS_PER_WORD + 2;
    double passes = 0;
    double own = 0;
    for (Cell cell : prepared.cells()) {
      if (cell.subject() == subject) {
        passes += evaluatedRows;
        own += costs(cell).mapToDouble(Step.Cost::operations).sum();
        // a backward pass costs two forward passes
        final double epoch = 3.0 * trainRows + tuneRows;
        passes +=
            costs(cell)
                .mapToDouble(
                    c -> 3.0 * c.gradientExamples() + c.outputExamples() + epoch * c.epochs())
                .sum();
        if (cell.isFineTuned() && subject.isTrained(prepared.finetune(cell))) {
          passes += epoch * prepared.finetune(cell).epochs();
        }
      }
    }
    return 2 * encoder * tokens * passes + own + similarities(prepared, subject);
  }

  /** Products of all texts with all others, for every cell. */
  private static double similarities(Prepared prepared, Subject subject) {
    if (subject.task().kind().hasLabels()) {
      return 0;
    }
    final double rows = subject.examples(prepared.split());
    final long cells = prepared.cells().stream().filter(c -> c.subject() == subject).count();
    return 2 * rows * rows * subject.encoder().architecture().hiddenSize() * cells;
  }

  private static double meanWords(Subject subject, Split split) {
    return subject.task().examples(split).stream()
        .limit(1000)
        .mapToInt(e -> e.joined().split("\\W+").length)
        .average()
        .orElse(1);
  }

  /**
   * Refuses what cannot fit.
   *
   * @param physicalMemory bytes that the process may take
   * @param heap bytes that the Java heap may grow to
   * @param freeDisk bytes free for the run, those that it takes already included
   * @throws BantamException (would not fit) with the arithmetic
   */
  void check(long physicalMemory, long heap, long freeDisk) {
    final Failures failures = new Failures();
    if (memoryBytes > physicalMemory) {
      failures.collect(
          () -> {
            throw wouldNotFit("memory", memoryBytes, physicalMemory, "a smaller model or batch");
          });
    }
    if (heapBytes > heap) {
      failures.collect(
          () -> {
            throw wouldNotFit(
                "Java heap", heapBytes, heap, "a larger heap, e.g. BANTAM_JAVA_OPTS=-Xmx4g");
          });
    }
    if (diskBytes > freeDisk) {
      failures.collect(
          () -> {
            throw wouldNotFit("disk", diskBytes, freeDisk, "another folder with -o");
          });
    }
    failures.throwIfAny();
  }

  private static BantamException wouldNotFit(String what, long needed, long there, String remedy) {
    return new BantamException(
        ExitCode.WOULD_NOT_FIT,
        String.format(
            Locale.ROOT,
            "The experiment needs about %s of %s and there are %s. Choose %s.",
            size(needed),
            what,
            size(there),
            remedy));
  }

  private static String size(long bytes) {
    return bytes < 1e9
        ? String.format(Locale.ROOT, "%.1f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.1f GB", bytes / 1e9);
  }
}
