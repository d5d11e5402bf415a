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

  private static final int MIN_CANDIDATES = 20;
  private static final double SELECTED = 0.3;

  private final WordnetPairs pairs;
  private final Map<Integer, List<Synset>> candidates = new HashMap<>(); // looked up only

  private WordnetKindOf(Path jar) {
    this.pairs = new WordnetPairs(jar);
  }

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    return new WordnetKindOf(jar).task();
  }

  private Task task() {
    for (Synset noun : pairs.nouns()) {
      if (noun.hasHyponyms() && WordnetPairs.isLongEnough(noun)) {
        candidates.computeIfAbsent(noun.file(), file -> new ArrayList<>()).add(noun);
      }
    }
    candidates.values().forEach(list -> list.sort(Comparator.comparing(Synset::offset)));
    pairs.selected(SELECTED).forEach(this::add);
    return pairs.task(NAME);
  }

  private void add(Synset noun) {
    final Synset kind = pairs.kind(noun);
    if (WordnetPairs.isPositive(noun)) {
      pairs.addKindOf(noun, kind, kind);
      return;
    }
    final List<Synset> others = candidates.getOrDefault(noun.file(), List.of());
    if (others.size() >= MIN_CANDIDATES) {
      pairs.addOther(noun, other(noun, others), kind);
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
    throw pairs.damaged(
        "every kind in the lexicographer file of synset " + noun.offset() + " holds it");
  }

  /** Offsets of the kinds that a synset belongs to, at any distance. */
  private Set<String> ancestors(Synset synset) {
    final Set<String> ancestors = new HashSet<>();
    final Deque<String> open = new ArrayDeque<>(synset.hypernyms());
    while (!open.isEmpty()) {
      final String offset = open.pop();
      if (ancestors.add(offset)) {
        open.addAll(pairs.synset(offset).hypernyms());
      }
    }
    return ancestors;
  }
}
