package dev.bantam.runner;

import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsType;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.tensor.Floats;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * A folder with an experiment that takes about a second: a random BERT of 5,395 weights in {@code
 * tiny-bert}, a task of two classes in {@code signs.tsv} and {@code signs-dev.tsv}, and {@code
 * experiment.yaml} with two seeds of three variants.
 */
final class Tiny {
  static final String MODEL = "tiny-bert";
  static final String EXPERIMENT = "experiment.yaml";

  /** Cells of one seed of {@code experiment.yaml}, as their folders are called. */
  static final String CELL = MODEL + ".signs.";

  private static final long WIDTH = 15;
  private static final long FFN = 19;
  private static final long POSITIONS = 29;

  private final Path folder;

  private Tiny(Path folder) {
    this.folder = folder;
  }

  /** Puts a copy of everything into {@code parent/tiny}. */
  static Tiny in(Path parent) {
    final Path folder = parent.resolve("tiny");
    try {
      Folders.copy(
          Path.of(Objects.requireNonNull(Tiny.class.getResource("/tiny")).toURI()), folder);
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
    return new Tiny(folder);
  }

  Path folder() {
    return folder;
  }

  Path model() {
    return folder.resolve(MODEL);
  }

  String text() {
    return read(folder.resolve(EXPERIMENT));
  }

  /** The experiment as it is, or with some of its text replaced. */
  Path experiment() {
    return folder.resolve(EXPERIMENT);
  }

  /**
   * Writes another experiment beside the first, with a part of its text replaced.
   *
   * @param from occurs in the text
   */
  Path experiment(String name, String from, String to) {
    final String text = text();
    if (!text.contains(from)) {
      throw new IllegalArgumentException("the experiment does not hold '" + from + "'");
    }
    return write(name, text.replace(from, to));
  }

  /** Replaces a part of {@code experiment.yaml} itself, as a user does in an editor. */
  void edit(String from, String to) {
    experiment(EXPERIMENT, from, to);
  }

  /** Writes a file into the folder. */
  Path write(String name, String text) {
    try {
      return Files.writeString(folder.resolve(name), text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A task file for {@code --task}. */
  String task() {
    return write(
            "signs.yaml", "{train: signs.tsv, dev: signs-dev.tsv, text: sentence, label: label}\n")
        .toString();
  }

  /**
   * Makes the model 17 times as large, random again: work on it takes long enough to be hit by a
   * kill.
   */
  Tiny enlarged() {
    return resized(60, 240, POSITIONS);
  }

  /** Gives the model, whose three heads stay, another shape and random weights. */
  Tiny resized(long width, long ffn, long positions) {
    final Path config = model().resolve("config.json");
    write(
        MODEL + "/config.json",
        read(config)
            .replace("\"hidden_size\": " + WIDTH, "\"hidden_size\": " + width)
            .replace("\"intermediate_size\": " + FFN, "\"intermediate_size\": " + ffn)
            .replace(
                "\"max_position_embeddings\": " + POSITIONS,
                "\"max_position_embeddings\": " + positions));
    final Map<Long, Long> sizes = Map.of(WIDTH, width, FFN, ffn, POSITIONS, positions);
    final Path file = model().resolve("model.safetensors");
    final SafetensorsWriter writer = new SafetensorsWriter();
    final Random random = new Random(7);
    try (SafetensorsFile old = SafetensorsFile.open(file)) {
      for (String tensor : old.entries().keySet()) {
        final long[] shape =
            Arrays.stream(old.floats(tensor).shape()).map(n -> sizes.getOrDefault(n, n)).toArray();
        final boolean gain = tensor.endsWith("LayerNorm.weight");
        final float[] values = new float[(int) Arrays.stream(shape).reduce(1, (x, y) -> x * y)];
        for (int i = 0; i < values.length; i++) {
          values[i] = gain ? 1 : (float) (0.05 * random.nextGaussian());
        }
        writer.add(tensor, SafetensorsType.F32, Floats.tensor(values, shape));
      }
    }
    writer.write(file);
    return this;
  }

  /** Sets the first weight of one tensor of the model. */
  void weight(String name, float value) {
    final Path file = model().resolve("model.safetensors");
    final SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsFile old = SafetensorsFile.open(file)) {
      boolean found = false;
      for (String tensor : old.entries().keySet()) {
        final INDArray weights = old.floats(tensor);
        if (tensor.endsWith(name)) {
          Floats.of(weights).fill(0, 1, value);
          found = true;
        }
        writer.add(tensor, SafetensorsType.F32, weights);
      }
      if (!found) {
        throw new IllegalArgumentException("no tensor ends in " + name);
      }
    }
    writer.write(file);
  }

  static String read(Path file) {
    return read(file, "");
  }

  /** A file's characters; bytes that are no text included. */
  static String read(Path folder, String name) {
    try {
      return new String(Files.readAllBytes(folder.resolve(name)), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The value of a metric in a {@code results.csv}, as written. */
  static Optional<String> result(Path run, String variant, long seed, String metric) {
    final Matcher row =
        Pattern.compile(
                "(?m)^[^,]*,[^,]*,[^,]*,"
                    + Pattern.quote(variant)
                    + ","
                    + seed
                    + ",1,[a-z]+,"
                    + metric
                    + ",(.*)$")
            .matcher(read(run.resolve("results.csv")));
    return row.find() ? Optional.of(row.group(1).strip()) : Optional.empty();
  }
}
