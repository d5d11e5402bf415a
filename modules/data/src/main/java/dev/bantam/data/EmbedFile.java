package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * A task of unlabelled texts in the user's own file: UTF-8, one text a line. Blank lines are
 * skipped, and of equal texts the first stays.
 *
 * <p>Half of the texts, those with {@code h("embed" + text) < 0.5}, are kept for calibration, the
 * others are dev. With a file of its own for calibration, all texts of the first file are dev; the
 * other file's are for calibration, without those that are dev as well.
 *
 * @param name name of the task
 * @param file the texts
 * @param train the texts for calibration, if they have a file of their own
 */
public record EmbedFile(String name, Path file, Optional<Path> train) {
  private static final double TRAIN_SHARE = 0.5;

  /** Neighbours need a text to be near to. */
  private static final int SMALLEST_DEV = 2;

  public EmbedFile {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(file, "file");
    Objects.requireNonNull(train, "train");
  }

  /**
   * Reads the task.
   *
   * @throws BantamException if a file cannot be read or is not UTF-8, or a split has too few texts
   */
  public Task read() {
    final List<Example> calibration = new ArrayList<>();
    final List<Example> dev = new ArrayList<>();
    final Set<String> texts = texts(file);
    for (String text : texts) {
      final boolean keep = train.isEmpty() && StableHash.fraction("embed" + text) < TRAIN_SHARE;
      (keep ? calibration : dev).add(Example.unlabelled(text));
    }
    if (train.isPresent()) {
      for (String text : texts(train.get())) {
        if (!texts.contains(text)) {
          calibration.add(Example.unlabelled(text));
        }
      }
    }
    requireEnough(calibration, dev);
    return new Task(
        name,
        TaskKind.EMBED,
        List.of(),
        Metric.COSINE,
        new Provenance(
            file.getFileName() + train.map(t -> ", " + t.getFileName()).orElse(""),
            "not stated (the user's own files)",
            ""),
        calibration,
        dev,
        List.of());
  }

  private void requireEnough(List<Example> calibration, List<Example> dev) {
    final long toCalibrate = calibration.stream().filter(e -> !Examples.isTune(e)).count();
    if (toCalibrate < 1 || dev.size() < SMALLEST_DEV) {
      throw BantamException.badInput(
          file
              + train.map(t -> " and " + t).orElse("")
              + ": "
              + toCalibrate
              + " different texts to calibrate on and "
              + dev.size()
              + " others to report on, and at least 1 and "
              + SMALLEST_DEV
              + " are needed. Blank and repeated lines do not count"
              + (train.isPresent()
                  ? ", nor does a text of the one file that the other has too. Add texts."
                  : "; a hash of the text decides which half it goes to. Add texts, or name"
                      + " another file to calibrate on with 'train: FILE'."));
    }
  }

  /** The different texts of a file in its order. */
  private static Set<String> texts(Path file) {
    if (Files.isDirectory(file)) {
      throw BantamException.badInput(file + " is a folder. Name a text file with one text a line.");
    }
    final Set<String> texts = new LinkedHashSet<>();
    try {
      Utf8Lines.read(
          file,
          (number, text) -> {
            if (!text.isBlank()) {
              texts.add(text);
            }
          });
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          file + " does not exist. Check the path; relative ones start at the working folder.", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
    return texts;
  }
}
