package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.data.WordnetFiles.Synset;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Whether the second of two definitions describes a kind that what the first describes belongs to:
 * pairs of definitions of WordNet 3.1 nouns. Two classes of about equal size, 17,151 pairs in the
 * training file (tune included), 2,098 in dev, 2,095 in test.
 *
 * <p>The rule, with {@code h} of {@link StableHash#fraction} and offsets as the 8 digits of the
 * file:
 *
 * <ol>
 *   <li>The synsets are those of {@code data.noun}, see {@link WordnetFiles}.
 *   <li>The first text is the definition of a synset S of exactly one kind H (pointer {@code @};
 *       {@code @i} does not count) whose definition has at least 3 words, if {@code h("sel" +
 *       offset of S) <= 0.3}.
 *   <li>If {@code h("lab2" + offset of S) < 0.5}, the second text is the definition of H: class 1.
 *   <li>Otherwise it is that of a candidate: class 0. Candidates are the synsets of the
 *       lexicographer file of S that have hyponyms and a definition of at least 3 words, sorted by
 *       offset; where they are fewer than 20, S is left out. From number {@code floor(h("n3" +
 *       offset of S) * candidates)} on, going round, the first is taken that is neither S nor an
 *       ancestor of S nor has the definition of S.
 *   <li>The pair belongs to a split by {@code h("hy" + offset of H)}, see {@link HashedSplits}: the
 *       kinds of dev and test are not those of training.
 *   <li>The pairs of a split are sorted by {@code h("o" + first text + second text)}.
 * </ol>
 */
public final class WordnetKindOf {
  /** Name in experiment files. */
  public static final String NAME = "wordnet-kind-of";

  /** The WordNet 3.1 database files as packed by the extJWNL project. */
  public static final MavenArtifact ARTIFACT = WordnetFiles.ARTIFACT;

  private static final List<String> LABELS = List.of("other", "kind-of");
  private static final int OTHER = 0;
  private static final int KIND_OF = 1;
  private static final int MIN_WORDS = 3;
  private static final int MIN_CANDIDATES = 20;
  private static final double SELECTED = 0.3;
  private static final double POSITIVE = 0.5;

  private final Path jar;
  private final Map<String, Synset> synsets = new HashMap<>(); // looked up only, never iterated
  private final Map<Integer, List<Synset>> candidates = new HashMap<>(); // as above
  private final HashedSplits splits = new HashedSplits();

  private WordnetKindOf(Path jar) {
    this.jar = jar;
  }

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    return new WordnetKindOf(jar).task(WordnetFiles.read(jar, WordnetFiles.Part.NOUN));
  }

  private Task task(List<Synset> nouns) {
    for (Synset noun : nouns) {
      synsets.put(noun.offset(), noun);
      if (noun.hasHyponyms() && isLongEnough(noun)) {
        candidates.computeIfAbsent(noun.file(), file -> new ArrayList<>()).add(noun);
      }
    }
    candidates.values().forEach(list -> list.sort(Comparator.comparing(Synset::offset)));
    for (Synset noun : nouns) {
      if (noun.hypernyms().size() == 1
          && isLongEnough(noun)
          && StableHash.fraction("sel" + noun.offset()) <= SELECTED) {
        add(noun);
      }
    }
    if (splits.anyEmpty()) {
      throw WordnetFiles.damaged(
          jar, "it has only " + splits.size() + " pairs of a thing and its kind");
    }
    splits.sort(pair -> "o" + pair.text() + pair.pair());
    return new Task(
        NAME,
        TaskKind.CLASSIFICATION,
        LABELS,
        Metric.ACCURACY,
        WordnetFiles.PROVENANCE,
        splits.train(),
        splits.dev(),
        splits.test());
  }

  private static boolean isLongEnough(Synset synset) {
    return WordnetFiles.words(synset.definition()) >= MIN_WORDS;
  }

  private void add(Synset noun) {
    final Synset kind = synset(noun.hypernyms().get(0));
    final String key = "hy" + kind.offset();
    if (StableHash.fraction("lab2" + noun.offset()) < POSITIVE) {
      splits.add(key, Example.labelled(noun.definition(), kind.definition(), KIND_OF));
      return;
    }
    final List<Synset> others = candidates.getOrDefault(noun.file(), List.of());
    if (others.size() >= MIN_CANDIDATES) {
      final String other = other(noun, others).definition();
      splits.add(key, Example.labelled(noun.definition(), other, OTHER));
    }
  }

  private Synset other(Synset noun, List<Synset> others) {
    final Set<String> excluded = ancestors(noun);
    excluded.add(noun.offset());
    final int size = others.size();
    final int start = (int) (StableHash.fraction("n3" + noun.offset()) * size);
    for (int i = 0; i < size; i++) {
      final Synset other = others.get((start + i) % size);
      if (!excluded.contains(other.offset()) && !other.definition().equals(noun.definition())) {
        return other;
      }
    }
    throw WordnetFiles.damaged(
        jar, "every kind in the lexicographer file of synset " + noun.offset() + " holds it");
  }

  /** Offsets of the kinds that a synset belongs to, at any distance. */
  private Set<String> ancestors(Synset synset) {
    final Set<String> ancestors = new HashSet<>();
    final Deque<String> open = new ArrayDeque<>(synset.hypernyms());
    while (!open.isEmpty()) {
      final String offset = open.pop();
      if (ancestors.add(offset)) {
        open.addAll(synset(offset).hypernyms());
      }
    }
    return ancestors;
  }

  private Synset synset(String offset) {
    final Synset synset = synsets.get(offset);
    if (synset == null) {
      throw WordnetFiles.damaged(jar, "a pointer names the noun " + offset + ", which is missing");
    }
    return synset;
  }
}
