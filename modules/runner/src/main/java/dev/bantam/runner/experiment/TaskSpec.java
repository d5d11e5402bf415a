package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;
import java.util.Optional;

/**
 * What a model is fine-tuned and evaluated on, as the user named it. File names are as written;
 * whether they exist is the data module's business.
 */
public sealed interface TaskSpec {
  /** A short name for reports; unique within an experiment. */
  String name();

  /** The same task with every file name reduced to its last part. */
  TaskSpec withoutFolders();

  /** A task that the product brings along. */
  record Named(String name) implements TaskSpec {
    public Named {
      Objects.requireNonNull(name, "name");
    }

    @Override
    public TaskSpec withoutFolders() {
      return this;
    }
  }

  /**
   * Rows of a CSV or TSV file.
   *
   * @param text one column, or two for sentence pairs
   * @param label the column with the class or the score
   * @param metric overrides the primary metric
   */
  record Delimited(
      String train, String dev, List<String> text, String label, Optional<String> metric)
      implements TaskSpec {
    public Delimited {
      Objects.requireNonNull(train, "train");
      Objects.requireNonNull(dev, "dev");
      text = List.copyOf(text);
      Objects.requireNonNull(label, "label");
      Objects.requireNonNull(metric, "metric");
    }

    @Override
    public String name() {
      return FileNames.stem(train);
    }

    @Override
    public TaskSpec withoutFolders() {
      return new Delimited(FileNames.last(train), FileNames.last(dev), text, label, metric);
    }
  }

  /**
   * Rows of numbers in a CSV or TSV file.
   *
   * @param features names or patterns of the columns of numbers
   * @param label the column with the class
   * @param classes names of the classes in the order of a network's outputs; empty if the label is
   *     the output's number
   * @param metric overrides the primary metric
   */
  record Features(
      String train,
      String dev,
      List<String> features,
      String label,
      List<String> classes,
      Optional<String> metric)
      implements TaskSpec {
    public Features {
      Objects.requireNonNull(train, "train");
      Objects.requireNonNull(dev, "dev");
      features = List.copyOf(features);
      Objects.requireNonNull(label, "label");
      classes = List.copyOf(classes);
      Objects.requireNonNull(metric, "metric");
    }

    @Override
    public String name() {
      return FileNames.stem(train);
    }

    @Override
    public TaskSpec withoutFolders() {
      return new Features(
          FileNames.last(train), FileNames.last(dev), features, label, classes, metric);
    }
  }

  /**
   * A GLUE task in GLUE's own files.
   *
   * @param path the folder that holds them
   */
  record Glue(Benchmark glue, String path) implements TaskSpec {
    /** The tasks of GLUE that an encoder is fine-tuned on. */
    public enum Benchmark {
      SST2,
      COLA,
      MRPC,
      RTE,
      QNLI,
      MNLI,
      QQP,
      STSB
    }

    public Glue {
      Objects.requireNonNull(glue, "glue");
      Objects.requireNonNull(path, "path");
    }

    @Override
    public String name() {
      return YamlSettings.words(Benchmark.class).get(glue.ordinal());
    }

    @Override
    public TaskSpec withoutFolders() {
      return new Glue(glue, FileNames.last(path));
    }
  }

  /**
   * Token tagging in CoNLL files.
   *
   * @param tokenColumn column of the word, from 0
   * @param tagColumn column of its tag, from 0
   */
  record Conll(String train, String dev, int tokenColumn, int tagColumn) implements TaskSpec {
    public Conll {
      Objects.requireNonNull(train, "train");
      Objects.requireNonNull(dev, "dev");
    }

    @Override
    public String name() {
      return FileNames.stem(train);
    }

    @Override
    public TaskSpec withoutFolders() {
      return new Conll(FileNames.last(train), FileNames.last(dev), tokenColumn, tagColumn);
    }
  }

  /**
   * Embeddings compared with the dense model's; needs no labels.
   *
   * @param file one text a line
   * @param train the texts for calibration, if they have a file of their own
   */
  record Embed(String file, Optional<String> train) implements TaskSpec {
    public Embed {
      Objects.requireNonNull(file, "file");
      Objects.requireNonNull(train, "train");
    }

    @Override
    public String name() {
      return FileNames.stem(file);
    }

    @Override
    public TaskSpec withoutFolders() {
      return new Embed(FileNames.last(file), train.map(FileNames::last));
    }
  }
}
