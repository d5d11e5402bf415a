package dev.bantam.deltamerging;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The methods of merging, under the names they have in a merge file. */
public enum MergeMethod {
  LINEAR(Base.INPUT, 1, Sparsifier.NONE, weight(), flag("normalize", true)),
  TASK_ARITHMETIC(Base.ORIGIN, 1, Sparsifier.NONE, weight(), deltas(false, false)),
  TIES(Base.ORIGIN, 1, Sparsifier.MAGNITUDE, weight(), density(), deltas(true, false)),
  DARE_LINEAR(Base.ORIGIN, 1, Sparsifier.DARE, weight(), density(), deltas(false, true)),
  DARE_TIES(Base.ORIGIN, 1, Sparsifier.DARE, weight(), density(), deltas(false, true)),
  BREADCRUMBS(
      Base.ORIGIN, 1, Sparsifier.BREADCRUMBS, weight(), density(), gamma(), deltas(false, false)),
  BREADCRUMBS_TIES(
      Base.ORIGIN, 1, Sparsifier.BREADCRUMBS, weight(), density(), gamma(), deltas(false, false)),
  DELLA(Base.ORIGIN, 1, Sparsifier.DELLA, weight(), density(), epsilon(), deltas(true, true)),
  DELLA_LINEAR(
      Base.ORIGIN, 1, Sparsifier.DELLA, weight(), density(), epsilon(), deltas(false, true)),
  /** TIES with one threshold per model, by the rules of MergeLM. */
  TIES_MERGELM(Base.ORIGIN, 1, Sparsifier.NONE, trimmed(), number("lambda", 1.0)),
  /** TIES with one threshold per model, by the rules of its authors' program. */
  TIES_AUTHORS(Base.ORIGIN, 1, Sparsifier.NONE, trimmed(), number("lambda", 1.0)),
  SLERP(Base.END, 1, Sparsifier.NONE, number("t", null)),
  NUSLERP(
      Base.OPTIONAL_ORIGIN,
      2,
      Sparsifier.NONE,
      weight(),
      flag("nuslerp_flatten", true),
      flag("nuslerp_row_wise", false)),
  MULTISLERP(
      Base.OPTIONAL_ORIGIN,
      1,
      Sparsifier.NONE,
      weight(),
      flag("normalize_weights", true),
      within("eps", 0, 1, 1e-8)),
  KARCHER(
      Base.INPUT,
      1,
      Sparsifier.NONE,
      within("max_iter", 1, 10_000, 10.0),
      within("tol", 0, 1, 1e-5)),
  MODEL_STOCK(Base.ORIGIN, 2, Sparsifier.NONE, flag("filter_wise", false)),
  SCE(Base.ORIGIN, 1, Sparsifier.NONE, within("select_topk", 0, 1, 1.0), flag("int8_mask", false)),
  NEARSWAP(Base.END, 1, Sparsifier.NONE, within("t", 0, Double.MAX_VALUE, null)),
  ARCEE_FUSION(Base.END, 1, Sparsifier.NONE),
  RAM(Base.ORIGIN, 1, Sparsifier.NONE, within("epsilon", 0, 1, 1e-5)),
  RAMPLUS_TL(
      Base.ORIGIN,
      1,
      Sparsifier.NONE,
      within("epsilon", 0, 1, 1e-5),
      within("r", 0, Double.MAX_VALUE, 0.1),
      within("alpha", 0, Double.MAX_VALUE, 0.2)),
  PASSTHROUGH(Base.NONE, 1, Sparsifier.NONE, List.of(new Key("scale", true, 1.0, false, all()))),
  /** Fisher merging; every model needs its Fisher values. */
  FISHER(
      Base.UNUSED,
      1,
      Sparsifier.NONE,
      List.of(new Key("weight", true, 1.0, false, all())),
      flag("normalize_fisher", false),
      within("floor", 0, 1, 1e-6)),
  /** RegMean; every model needs the second moments of the inputs of its linear layers. */
  REGMEAN(Base.UNUSED, 1, Sparsifier.NONE, within("off_diagonal", 0, 1, 0.9));

  /** What the base model is to a method. */
  public enum Base {
    /** Deltas are taken from it. */
    ORIGIN,
    /** Deltas are taken from it if there is one. */
    OPTIONAL_ORIGIN,
    /** It is the other end of an interpolation with the one model. */
    END,
    /** It is one more input. */
    INPUT,
    /** Not part of the result; needed only for a sparsifier in front. */
    UNUSED,
    /** There must be none. */
    NONE
  }

  /**
   * Smallest and largest value of a parameter.
   *
   * @param least inclusive
   * @param most inclusive
   */
  public record Range(double least, double most) {}

  /**
   * A parameter of a method.
   *
   * @param name key in a merge file
   * @param perModel whether models may have their own
   * @param fallback its default, or null if it must be given
   * @param flag whether it is true or false
   * @param range of numbers
   */
  public record Key(String name, boolean perModel, Double fallback, boolean flag, Range range) {}

  private final Base base;
  private final int leastModels;
  private final Sparsifier sparsifier;
  private final List<Key> keys;

  @SafeVarargs
  MergeMethod(Base base, int leastModels, Sparsifier sparsifier, List<Key>... keys) {
    this.base = base;
    this.leastModels = leastModels;
    this.sparsifier = sparsifier;
    final List<Key> all = new ArrayList<>();
    for (List<Key> some : keys) {
      all.addAll(some);
    }
    this.keys = List.copyOf(all);
  }

  private static Range all() {
    return new Range(-Double.MAX_VALUE, Double.MAX_VALUE);
  }

  private static List<Key> weight() {
    return List.of(new Key("weight", true, null, false, all()));
  }

  private static List<Key> density() {
    return List.of(new Key("density", true, 1.0, false, new Range(0, 1)));
  }

  private static List<Key> trimmed() {
    return List.of(new Key("density", true, 0.2, false, new Range(0, 1)));
  }

  private static List<Key> gamma() {
    return List.of(new Key("gamma", true, 0.01, false, new Range(0, 1)));
  }

  private static List<Key> epsilon() {
    return List.of(new Key("epsilon", true, 0.15, false, new Range(0, 1)));
  }

  private static List<Key> flag(String name, boolean fallback) {
    return List.of(new Key(name, false, fallback ? 1.0 : 0.0, true, new Range(0, 1)));
  }

  private static List<Key> number(String name, Double fallback) {
    return List.of(new Key(name, false, fallback, false, all()));
  }

  private static List<Key> within(String name, double least, double most, Double fallback) {
    return List.of(new Key(name, false, fallback, false, new Range(least, most)));
  }

  private static List<Key> deltas(boolean normalize, boolean rescale) {
    final List<Key> keys = new ArrayList<>();
    keys.addAll(flag("normalize", normalize));
    keys.addAll(flag("rescale", rescale));
    keys.addAll(number("lambda", 1.0));
    keys.addAll(flag("int8_mask", false)); // accepted: it changes no result
    return keys;
  }

  /** The name in a merge file: {@code dare_ties}. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The method of a name, {@code dare_ties} or {@code dare-ties}. */
  public static Optional<MergeMethod> ofWord(String word) {
    for (MergeMethod method : values()) {
      if (method.word().equals(word.replace('-', '_'))) {
        return Optional.of(method);
      }
    }
    return Optional.empty();
  }

  public Base base() {
    return base;
  }

  /** Fewest models beside the base. */
  public int leastModels() {
    return leastModels;
  }

  /** Most models beside the base. */
  public int mostModels() {
    return switch (this) {
      case SLERP, NEARSWAP, ARCEE_FUSION, PASSTHROUGH -> 1;
      case NUSLERP -> 2;
      default -> Integer.MAX_VALUE;
    };
  }

  /** The sparsifier that belongs to the method. */
  public Sparsifier sparsifier() {
    return sparsifier;
  }

  /** Whether signs are elected among the deltas. */
  boolean elects() {
    return switch (this) {
      case TIES, DARE_TIES, BREADCRUMBS_TIES, DELLA -> true;
      default -> false;
    };
  }

  /** Whether the result is the base plus a mix of the deltas, in whose sum they can be rescaled. */
  boolean mixesDeltas() {
    return switch (this) {
      case TASK_ARITHMETIC,
          TIES,
          DARE_LINEAR,
          DARE_TIES,
          BREADCRUMBS,
          BREADCRUMBS_TIES,
          DELLA,
          DELLA_LINEAR ->
          true;
      default -> false;
    };
  }

  /** Whether what is combined are differences to the base. */
  boolean combinesDeltas(boolean hasBase) {
    return base == Base.ORIGIN || (base == Base.OPTIONAL_ORIGIN && hasBase);
  }

  /** Whether thresholds of the whole model are needed before the first tensor. */
  public boolean needsWholeModel() {
    return this == TIES_MERGELM || this == TIES_AUTHORS;
  }

  /** Its parameters. */
  public List<Key> keys() {
    return keys;
  }

  /** A parameter by its name. */
  public Optional<Key> key(String name) {
    return keys.stream().filter(k -> k.name().equals(name)).findFirst();
  }
}
