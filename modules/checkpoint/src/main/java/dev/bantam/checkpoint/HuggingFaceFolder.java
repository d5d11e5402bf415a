package dev.bantam.checkpoint;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Reads an encoder from a folder in Hugging Face layout: {@code config.json}, {@code
 * model.safetensors} or its shards, {@code tokenizer.json} if there is one, and the files of
 * sentence-transformers.
 *
 * <p>A {@code classifier} is a head if {@code architectures} says {@code
 * ...ForSequenceClassification}, or names labels without saying anything; it stands on the pooler,
 * unless the optional key {@code bantam_pooling} says {@code mean} or {@code cls}. With {@code
 * ...ForTokenClassification} it stands on every token. Heads of other kinds are left out with a
 * message. Pooling without a head comes from {@code bantam_pooling}, else from
 * sentence-transformers, else it is the mean; the longest input from {@code bantam_max_length},
 * {@code max_seq_length}, {@code model_max_length} or the position table, in that order.
 */
public final class HuggingFaceFolder {
  private HuggingFaceFolder() {}

  /**
   * Reads a folder.
   *
   * @throws BantamException (bad input) naming everything that is missing, surplus, misshaped or
   *     unsupported
   */
  public static Checkpoint read(Path folder, Progress progress) {
    requireFolder(folder);
    return read(folder, () -> SafetensorsFolder.open(folder), progress, true);
  }

  /**
   * As {@link #read(Path, Progress)}, with the weights from elsewhere than plain safetensors files:
   * a packed file restored to float32, for instance. What {@code quantization_config} says is left
   * to whoever gives the weights.
   *
   * @param weights opened after the configuration was read, and closed
   */
  public static Checkpoint read(
      Path folder, Supplier<? extends WeightSource> weights, Progress progress) {
    requireFolder(folder);
    return read(folder, weights, progress, false);
  }

  private static Checkpoint read(
      Path folder, Supplier<? extends WeightSource> weights, Progress progress, boolean plain) {
    final Problems problems = new Problems("The model in " + folder + " cannot be read");
    final EncoderConfig config =
        EncoderConfig.read(JsonObject.read(folder.resolve("config.json"), problems), plain);
    final SentenceFiles sentence =
        SentenceFiles.read(folder, config.architecture().longestSequence(), problems);
    problems.throwIfAny();
    try (WeightSource source = weights.get()) {
      return new Reader(folder, config, sentence, source, progress, problems).read();
    }
  }

  private static void requireFolder(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw BantamException.badInput("There is no folder " + folder + ".");
    }
  }

  /**
   * The tokenizer of a folder, if it has one.
   *
   * @param vocabulary number of word embeddings of the model, which must cover every id
   */
  static Optional<Tokenizer> tokenizer(Path folder, int vocabulary) {
    final Path file = folder.resolve("tokenizer.json");
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try {
      final HuggingFaceTokenizer tokenizer =
          new HuggingFaceTokenizer(file.toString(), Files.readAllBytes(file));
      if (tokenizer.largestId() >= vocabulary) {
        throw BantamException.badInput(
            file
                + " gives ids up to "
                + tokenizer.largestId()
                + ", the model has "
                + vocabulary
                + " word embeddings: they do not belong together.");
      }
      return Optional.of(tokenizer);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  /** The folder's last name. */
  static String name(Path path) {
    final Path last = path.toAbsolutePath().normalize().getFileName();
    return last == null ? "model" : last.toString();
  }

  /** One reading of one folder. */
  private static final class Reader {
    private final Path folder;
    private final EncoderConfig config;
    private final SentenceFiles sentence;
    private final WeightSource weights;
    private final Progress progress;
    private final Problems problems;
    private final WeightNames names;

    /** Stored name of each tensor by base name. */
    private final Map<String, String> stored = new LinkedHashMap<>();

    Reader(
        Path folder,
        EncoderConfig config,
        SentenceFiles sentence,
        WeightSource weights,
        Progress progress,
        Problems problems) {
      this.folder = folder;
      this.config = config;
      this.sentence = sentence;
      this.weights = weights;
      this.progress = progress;
      this.problems = problems;
      this.names = WeightNames.of(config.architecture());
    }

    Checkpoint read() {
      collectNames();
      final Optional<Head> head = head();
      final Pooling pooling = pooling(head);
      final Architecture architecture = withPooler(pooling);
      final Map<String, long[]> shapes = EncoderParameters.shapes(architecture, head);
      check(shapes);
      problems.throwIfAny();
      final Map<String, INDArray> parameters = new LinkedHashMap<>();
      for (final String name : shapes.keySet()) {
        parameters.put(name, weights.floats(stored.get(name)));
      }
      checkFinite(folder.toString(), parameters);
      return new Checkpoint(
          name(folder),
          architecture,
          head,
          pooling,
          config.normalize().or(sentence::normalize).orElse(false),
          maxLength(),
          parameters,
          tokenizer(folder, architecture.vocabularySize()),
          config.signature(),
          weights.operations(),
          new Checkpoint.Provenance(
              name(folder),
              config.licence().orElse("unknown"),
              weights.sha256(),
              config.attribution().orElse("")));
    }

    private void collectNames() {
      final TreeSet<String> left = new TreeSet<>();
      final TreeSet<String> pretraining = new TreeSet<>();
      final TreeSet<String> poolers = new TreeSet<>();
      final boolean ownDense =
          !config.otherHead() && weights.names().stream().map(names::plain).anyMatch(this::dense);
      for (final String name : weights.names()) {
        final String plain = names.plain(name);
        if (plain.equals("embeddings.position_ids")) {
          continue;
        }
        if (names.pretraining().stream().anyMatch(plain::startsWith)) {
          pretraining.add(name);
          continue;
        }
        if (config.otherHead()
            && (plain.startsWith("classifier.")
                || plain.startsWith("qa_outputs.")
                || dense(plain))) {
          left.add(name);
          continue;
        }
        if (ownDense && plain.startsWith("pooler.")) {
          poolers.add(name);
          continue;
        }
        final String base = names.canonical(name);
        final String twin = stored.put(base, name);
        if (twin != null) {
          problems.add("'" + twin + "' and '" + name + "' are both " + base);
        }
      }
      leftOut("the head that the model was pre-trained with", pretraining);
      leftOut("the head of " + String.join(", ", config.architectures()), left);
      leftOut("the pooler that the head does not stand on", poolers);
    }

    private boolean dense(String plain) {
      return names.isHeadDense(plain);
    }

    private void leftOut(String what, TreeSet<String> tensors) {
      if (!tensors.isEmpty()) {
        progress.message(folder + ": " + what + " is left out: " + String.join(", ", tensors));
      }
    }

    private Optional<Head> head() {
      final boolean classifier = stored.containsKey("classifier.weight");
      final boolean said =
          config.architectures().stream()
              .anyMatch(
                  a ->
                      a.endsWith("ForSequenceClassification")
                          || a.endsWith("ForTokenClassification"));
      if (!said && !(classifier && config.classifierHead())) {
        return Optional.empty();
      }
      // without id2label and num_labels the format means two labels
      final List<String> labels =
          config.labels().isEmpty() ? EncoderConfig.generated(2) : config.labels();
      return Optional.of(new Head(config.kind(labels, problems), labels));
    }

    private Pooling pooling(Optional<Head> head) {
      if (config.pooling().isPresent()) {
        return config.pooling().get();
      }
      return head.filter(h -> h.kind() != Head.Kind.TOKEN_LABEL).isPresent()
          ? Pooling.POOLER
          : sentence.pooling().orElse(Pooling.MEAN);
    }

    private Architecture withPooler(Pooling pooling) {
      final Architecture a = config.architecture();
      final boolean pooler =
          pooling == Pooling.POOLER
              || stored.containsKey("pooler.dense.weight")
              || stored.containsKey("pooler.dense.bias");
      return a.withPooler(pooler);
    }

    private int maxLength() {
      final int positions = config.architecture().longestSequence();
      return Math.min(positions, config.maxLength().orElse(sentence.maxLength().orElse(positions)));
    }

    private void check(Map<String, long[]> shapes) {
      shapes.forEach(
          (name, shape) -> {
            if (!stored.containsKey(name)) {
              problems.add("missing: '" + name + "' " + Arrays.toString(shape));
              return;
            }
            final long[] found = weights.shape(stored.get(name));
            if (!Arrays.equals(found, shape)) {
              problems.add(
                  "wrong shape: '"
                      + stored.get(name)
                      + "' is "
                      + Arrays.toString(found)
                      + ", config.json makes it "
                      + Arrays.toString(shape));
            }
            final String type = weights.unreadableType(stored.get(name));
            if (!type.isEmpty()) {
              problems.add(
                  "wrong type: '"
                      + stored.get(name)
                      + "' is "
                      + type
                      + "; F32, F64, F16 or BF16 is needed");
            }
          });
      stored.forEach(
          (base, name) -> {
            if (!shapes.containsKey(base)) {
              problems.add("surplus: '" + name + "' " + Arrays.toString(weights.shape(name)));
            }
          });
    }
  }

  /** Refuses weights that hold NaN or infinity, all in one message. */
  static void checkFinite(String source, Map<String, INDArray> parameters) {
    final Problems problems = new Problems("The weights of " + source + " are damaged");
    parameters.forEach(
        (name, array) -> {
          final long bad = FloatTensors.nonFinite(array);
          if (bad > 0) {
            problems.add("'" + name + "' holds " + bad + " values that are NaN or infinite");
          }
        });
    problems.throwIfAny();
  }
}
