package dev.bantam.data;

import dev.bantam.data.WordnetFiles.Synset;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What tasks of pairs of a thing and a kind have in common: which nouns are the first text of a
 * pair, which class they get, and how pairs become a task.
 */
final class WordnetPairs {
  static final int MIN_WORDS = 3;

  private static final List<String> LABELS = List.of("other", "kind-of");
  private static final int OTHER = 0;
  private static final int KIND_OF = 1;
  private static final double POSITIVE = 0.5;

  private final Path jar;
  private final List<Synset> nouns;
  private final Map<String, Synset> synsets = new HashMap<>(); // looked up only, never iterated
  private final HashedSplits splits = new HashedSplits();

  /** Reads the nouns of the jar of {@link WordnetFiles#ARTIFACT}. */
  WordnetPairs(Path jar) {
    this.jar = jar;
    this.nouns = WordnetFiles.read(jar, WordnetFiles.Part.NOUN);
    nouns.forEach(noun -> synsets.put(noun.offset(), noun));
  }

  /** All nouns in the order of the file. */
  List<Synset> nouns() {
    return nouns;
  }

  /**
   * The nouns of exactly one kind whose definition is long enough, if {@code h("sel" + offset) <=
   * share}.
   */
  Stream<Synset> selected(double share) {
    return nouns.stream()
        .filter(noun -> noun.hypernyms().size() == 1 && isLongEnough(noun))
        .filter(noun -> StableHash.fraction("sel" + noun.offset()) <= share);
  }

  /** Whether the definition has at least {@link #MIN_WORDS} words. */
  static boolean isLongEnough(Synset synset) {
    return WordnetFiles.words(synset.definition()) >= MIN_WORDS;
  }

  /** Whether a noun is paired with its kind: {@code h("lab2" + offset) < 0.5}. */
  static boolean isPositive(Synset noun) {
    return StableHash.fraction("lab2" + noun.offset()) < POSITIVE;
  }

  /** The one kind that a noun belongs to. */
  Synset kind(Synset noun) {
    return synset(noun.hypernyms().get(0));
  }

  Synset synset(String offset) {
    final Synset synset = synsets.get(offset);
    if (synset == null) {
      throw damaged("a pointer names the noun " + offset + ", which is missing");
    }
    return synset;
  }

  /** Adds a pair with the right kind to the split that {@code h("hy" + offset of group)} gives. */
  void addKindOf(Synset noun, Synset kind, Synset group) {
    add(noun, kind, group, KIND_OF);
  }

  /** Adds a pair with another kind to the split that {@code h("hy" + offset of group)} gives. */
  void addOther(Synset noun, Synset other, Synset group) {
    add(noun, other, group, OTHER);
  }

  private void add(Synset noun, Synset second, Synset group, int label) {
    splits.add(
        "hy" + group.offset(), Example.labelled(noun.definition(), second.definition(), label));
  }

  /** The pairs, each split sorted by {@code h("o" + first text + second text)}. */
  Task task(String name) {
    if (splits.anyEmpty()) {
      throw damaged("it has only " + splits.size() + " pairs of a thing and its kind");
    }
    splits.sort(pair -> "o" + pair.text() + pair.pair());
    return new Task(
        name,
        TaskKind.CLASSIFICATION,
        LABELS,
        Metric.ACCURACY,
        WordnetFiles.PROVENANCE,
        splits.train(),
        splits.dev(),
        splits.test());
  }

  BantamException damaged(String what) {
    return WordnetFiles.damaged(jar, what);
  }
}
