package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.data.WordnetFiles.Synset;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Which kind of thing a definition describes: definitions of WordNet 3.1 nouns, labelled with their
 * lexicographer file ("supersense"). Single text, 14 classes of equal size, 19,600 examples in the
 * training file (tune included), 2,800 in dev, 2,800 in test.
 *
 * <p>The rule, with {@code h} of {@link StableHash#fraction}:
 *
 * <ol>
 *   <li>The synsets are those of {@code data.noun}, see {@link WordnetFiles}.
 *   <li>Classes are the files with at least 2,000 synsets, in alphabetical order of their name.
 *   <li>A definition (see {@link WordnetFiles.Synset#definition}) is kept if it has at least 4
 *       words and no earlier definition is the same in lower case.
 *   <li>A class is sorted by {@code h("ss" + lower-cased definition)}: the first 1,400 are for
 *       training, the next 200 dev, the next 200 test.
 *   <li>The examples of a split are sorted by {@code h("o" + definition)}, which mixes the classes.
 * </ol>
 */
public final class WordnetSupersense {
  /** Name in experiment files. */
  public static final String NAME = "wordnet-supersense";

  /** The WordNet 3.1 database files as packed by the extJWNL project. */
  public static final MavenArtifact ARTIFACT = WordnetFiles.ARTIFACT;

  private static final int FIRST_NOUN_FILE = 3;

  /** Names of lexicographer files 3 to 28. */
  private static final List<String> NOUN_FILES =
      List.of(
          "tops",
          "act",
          "animal",
          "artifact",
          "attribute",
          "body",
          "cognition",
          "communication",
          "event",
          "feeling",
          "food",
          "group",
          "location",
          "motive",
          "object",
          "person",
          "phenomenon",
          "plant",
          "possession",
          "process",
          "quantity",
          "relation",
          "shape",
          "state",
          "substance",
          "time");

  private static final int MIN_SYNSETS = 2_000;
  private static final int MIN_WORDS = 4;
  private static final int TRAIN = 1_400;
  private static final int HELD_OUT = 200;

  private WordnetSupersense() {}

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    final List<Synset> synsets = WordnetFiles.read(jar, WordnetFiles.Part.NOUN);
    final List<String> names = classNames(synsets);
    final List<List<String>> definitions = definitions(synsets, names);
    for (int c = 0; c < names.size(); c++) {
      if (definitions.get(c).size() < TRAIN + 2 * HELD_OUT) {
        throw WordnetFiles.damaged(
            jar,
            "class " + names.get(c) + " has only " + definitions.get(c).size() + " definitions");
      }
    }
    return new Task(
        NAME,
        TaskKind.CLASSIFICATION,
        names,
        Metric.ACCURACY,
        WordnetFiles.PROVENANCE,
        split(definitions, 0, TRAIN),
        split(definitions, TRAIN, TRAIN + HELD_OUT),
        split(definitions, TRAIN + HELD_OUT, TRAIN + 2 * HELD_OUT));
  }

  private static String className(Synset synset) {
    return NOUN_FILES.get(synset.file() - FIRST_NOUN_FILE);
  }

  private static List<String> classNames(List<Synset> synsets) {
    final int[] sizes = new int[FIRST_NOUN_FILE + NOUN_FILES.size()];
    synsets.forEach(s -> sizes[s.file()]++);
    return IntStream.range(FIRST_NOUN_FILE, sizes.length)
        .filter(f -> sizes[f] >= MIN_SYNSETS)
        .mapToObj(f -> NOUN_FILES.get(f - FIRST_NOUN_FILE))
        .sorted()
        .toList();
  }

  /** The distinct definitions of each class, sorted by hash. */
  private static List<List<String>> definitions(List<Synset> synsets, List<String> names) {
    final List<List<String>> classes = new ArrayList<>();
    names.forEach(name -> classes.add(new ArrayList<>()));
    final Set<String> seen = new HashSet<>();
    for (Synset s : synsets) {
      final int label = names.indexOf(className(s));
      final String definition = s.definition();
      if (label >= 0
          && WordnetFiles.words(definition) >= MIN_WORDS
          && seen.add(definition.toLowerCase(Locale.ROOT))) {
        classes.get(label).add(definition);
      }
    }
    classes.replaceAll(c -> StableHash.sorted(c, d -> "ss" + d.toLowerCase(Locale.ROOT)));
    return classes;
  }

  /** Definitions from..to of every class, mixed by hash. */
  private static List<Example> split(List<List<String>> classes, int from, int to) {
    final List<Example> examples = new ArrayList<>();
    for (int label = 0; label < classes.size(); label++) {
      for (String definition : classes.get(label).subList(from, to)) {
        examples.add(Example.labelled(definition, label));
      }
    }
    return StableHash.sorted(examples, e -> "o" + e.text());
  }
}
