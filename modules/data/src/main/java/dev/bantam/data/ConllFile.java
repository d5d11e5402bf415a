package dev.bantam.data;

import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;

/**
 * The user's own tagged sentences in the layout of the CoNLL shared tasks: UTF-8, one word a line
 * with its columns, blank lines between sentences. Columns are separated by tabs if the file has
 * any, and lines that begin with {@code #} and hold no tab are comments then; otherwise by spaces.
 * Document marks, {@code -DOCSTART-}, are skipped.
 *
 * <p>Tags are {@code O}, {@code B-TYPE} and {@code I-TYPE}. The classes are {@code O} and, for
 * every type of the training file in the order of their UTF-16 code units, its {@code B} and its
 * {@code I}.
 *
 * @param name name of the task in reports
 * @param train training file; tune is cut from it, sentence by sentence
 * @param dev dev file
 * @param tokenColumn column of the word, from 0
 * @param tagColumn column of its tag, from 0
 */
public record ConllFile(String name, Path train, Path dev, int tokenColumn, int tagColumn) {
  private static final String DOCUMENT = "-DOCSTART-";

  public ConllFile {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(train, "train");
    Objects.requireNonNull(dev, "dev");
    if (tokenColumn == tagColumn || tokenColumn < 0 || tagColumn < 0) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "Task '"
              + name
              + "': columns count from 0, and token and tag are two different ones, not "
              + tokenColumn
              + " and "
              + tagColumn
              + ".");
    }
  }

  /**
   * Reads both files.
   *
   * @throws BantamException ({@link ExitCode#BAD_INPUT}) listing what is wrong with the files, with
   *     lines
   */
  public Task read() {
    final FileProblems problems = new FileProblems();
    final List<Sentence> trained = sentences(train, problems);
    final List<Sentence> reported = sentences(dev, problems);
    problems.throwIfAny(); // before tags are looked at: a shifted line has the wrong ones
    final List<String> labels = labels(trained, problems);
    final List<Example> trainExamples = examples(trained, train, labels, problems);
    final List<Example> devExamples = examples(reported, dev, labels, problems);
    problems.throwIfAny();
    return new Task(
        name,
        TaskKind.TAGGING,
        labels,
        Metric.SPAN_F1,
        new Provenance(
            train.getFileName() + ", " + dev.getFileName(),
            "not stated (the user's own files)",
            ""),
        trainExamples,
        devExamples,
        List.of());
  }

  /** The words of a sentence with their tags and lines. */
  private record Sentence(List<String> words, List<String> tags, List<Long> lines) {
    Sentence() {
      this(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
    }
  }

  private record Line(long number, String text) {}

  private List<Sentence> sentences(Path file, FileProblems problems) {
    final List<Line> lines = lines(file);
    final boolean tabs = lines.stream().anyMatch(l -> l.text.strip().contains("\t"));
    final List<Sentence> sentences = new ArrayList<>();
    Sentence open = new Sentence();
    for (Line line : lines) {
      if (line.text.isBlank()) { // a tab alone, too
        if (!open.words.isEmpty()) {
          sentences.add(open);
        }
        open = new Sentence();
      } else if (!(tabs && line.text.startsWith("#") && !line.text.contains("\t"))) {
        word(file, line, tabs, open, problems);
      }
    }
    if (!open.words.isEmpty()) {
      sentences.add(open);
    }
    if (sentences.isEmpty()) {
      problems.add(file, "no sentences. Write one word a line, with its tag.");
    }
    return sentences;
  }

  private void word(Path file, Line line, boolean tabs, Sentence open, FileProblems problems) {
    final String[] cells = tabs ? line.text.split("\t", -1) : line.text.strip().split(" +");
    if (cells.length <= Math.max(tokenColumn, tagColumn)) {
      problems.add(
          file,
          line.number,
          cells.length
              + (cells.length == 1 ? " column" : " columns")
              + (tabs ? " between tabs" : " between spaces")
              + ", but the token is in column "
              + tokenColumn
              + " and the tag in column "
              + tagColumn
              + ", counted from 0. Set 'columns: {token: 0, tag: N}', or repair the line.");
      return;
    }
    final String word = cells[tokenColumn];
    final String tag = cells[tagColumn].strip();
    if (word.equals(DOCUMENT)) {
      return;
    }
    if (word.isBlank() || word.indexOf(' ') >= 0) {
      problems.add(
          file,
          line.number,
          "'" + word + "' is no word: it is empty or holds a space. Write one word a line.");
    } else if (!Spans.isTag(tag)) {
      problems.add(
          file,
          line.number,
          "'"
              + tag
              + "' in column "
              + tagColumn
              + " is no tag: O, B-TYPE and I-TYPE are. If tags stand in another column, set"
              + " 'columns: {token: 0, tag: N}'.");
    } else {
      open.words.add(word);
      open.tags.add(tag);
      open.lines.add(line.number);
    }
  }

  private static List<Line> lines(Path file) {
    if (Files.isDirectory(file)) {
      throw BantamException.badInput(file + " is a folder. Name a file with one word a line.");
    }
    final List<Line> lines = new ArrayList<>();
    try {
      Utf8Lines.read(file, (number, text) -> lines.add(new Line(number, text)));
    } catch (NoSuchFileException e) {
      throw BantamException.badInput(
          file + " does not exist. Check the path; relative ones start at the working folder.", e);
    } catch (IOException e) {
      throw BantamException.badInput("Cannot read " + file + ": " + e + ".", e);
    }
    return lines;
  }

  private List<String> labels(List<Sentence> sentences, FileProblems problems) {
    final TreeSet<String> types = new TreeSet<>();
    for (Sentence sentence : sentences) {
      sentence.tags.stream()
          .filter(tag -> !tag.equals(Spans.OUTSIDE))
          .forEach(tag -> types.add(tag.substring(2)));
    }
    if (types.isEmpty()) {
      problems.add(
          train,
          "every tag in column "
              + tagColumn
              + " is O, so there is nothing to learn. Set 'columns: {token: 0, tag: N}' to the"
              + " column of the tags.");
    }
    final List<String> labels = new ArrayList<>(List.of(Spans.OUTSIDE));
    for (String type : types) {
      labels.add("B-" + type);
      labels.add("I-" + type);
    }
    return labels;
  }

  private List<Example> examples(
      List<Sentence> sentences, Path file, List<String> labels, FileProblems problems) {
    final List<Example> examples = new ArrayList<>();
    for (Sentence sentence : sentences) {
      final List<Integer> tags = sentence.tags.stream().map(labels::indexOf).toList();
      final int unknown = tags.indexOf(-1);
      if (unknown < 0) {
        examples.add(Example.tagged(sentence.words, tags));
      } else {
        problems.add(
            file,
            sentence.lines.get(unknown),
            "the type of '"
                + sentence.tags.get(unknown)
                + "' never occurs in "
                + train
                + "."
                + KnownNames.hint(sentence.tags.get(unknown), labels));
      }
    }
    return examples;
  }
}
