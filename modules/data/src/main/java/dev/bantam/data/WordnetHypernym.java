package dev.bantam.data;

import dev.bantam.checkpoint.MavenArtifact;
import dev.bantam.data.WordnetFiles.Synset;
import dev.bantam.tensor.BantamException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The hard variant of {@link WordnetKindOf}: the wrong kind is a sibling of the right one, so that
 * both are of the same topic, and neither says by itself whether it is right. Two classes of about
 * equal size, 22,037 pairs in the training file (tune included), 2,909 in dev, 2,773 in test.
 *
 * <p>The rule, with {@code h} of {@link StableHash#fraction} and offsets as the 8 digits of the
 * file:
 *
 * <ol>
 *   <li>The synsets are those of {@code data.noun}, see {@link WordnetFiles}.
 *   <li>The first text is the definition of a synset S of exactly one kind H (pointer {@code @};
 *       {@code @i} does not count), which is itself of exactly one kind G, whose definition has at
 *       least 3 words, if {@code h("sel" + offset of S) <= 0.45}.
 *   <li>The siblings of H are the other synsets of kind G that have hyponyms. Where there are none,
 *       S is left out.
 *   <li>If {@code h("lab2" + offset of S) < 0.5}, the second text is the definition of H: class 1.
 *   <li>Otherwise it is that of the sibling with the smallest {@code h("n2" + offset of S + offset
 *       of the sibling)}: class 0.
 *   <li>The pair belongs to a split by {@code h("hy" + offset of G)}, see {@link HashedSplits}:
 *       kinds and siblings of dev and test are not those of training.
 *   <li>The pairs of a split are sorted by {@code h("o" + first text + second text)}.
 * </ol>
 */
public final class WordnetHypernym {
  /** Name in experiment files. */
  public static final String NAME = "wordnet-hypernym";

  /** The WordNet 3.1 database files as packed by the extJWNL project. */
  public static final MavenArtifact ARTIFACT = WordnetFiles.ARTIFACT;

  private static final double SELECTED = 0.45;

  private final WordnetPairs pairs;
  private final Map<String, List<Synset>> families = new HashMap<>(); // looked up only

  private WordnetHypernym(Path jar) {
    this.pairs = new WordnetPairs(jar);
  }

  /**
   * Extracts the task from the jar of {@link #ARTIFACT}, whose hash the caller has checked.
   *
   * @throws BantamException if the jar cannot be read or does not hold what it should
   */
  public static Task open(Path jar) {
    return new WordnetHypernym(jar).task();
  }

  private Task task() {
    for (Synset noun : pairs.nouns()) {
      if (noun.hasHyponyms()) {
        for (String parent : noun.hypernyms()) {
          families.computeIfAbsent(parent, p -> new ArrayList<>()).add(noun);
        }
      }
    }
    pairs.selected(SELECTED).forEach(this::add);
    return pairs.task(NAME);
  }

  private void add(Synset noun) {
    final Synset kind = pairs.kind(noun);
    if (kind.hypernyms().size() != 1) {
      return;
    }
    final Synset parent = pairs.kind(kind);
    final List<Synset> siblings =
        families.getOrDefault(parent.offset(), List.of()).stream()
            .filter(s -> !s.offset().equals(kind.offset()))
            .toList();
    if (siblings.isEmpty()) {
      return;
    }
    if (WordnetPairs.isPositive(noun)) {
      pairs.addKindOf(noun, kind, parent);
    } else {
      final String key = "n2" + noun.offset();
      final Comparator<Synset> byHash =
          Comparator.comparingDouble(s -> StableHash.fraction(key + s.offset()));
      pairs.addOther(noun, siblings.stream().min(byHash).orElseThrow(), parent);
    }
  }
}
