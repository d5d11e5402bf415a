package dev.bantam.runner;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.GeneralCodingRules;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The rules of the architecture, over the classes of all modules.
 *
 * <p>Each rule is also applied to {@code dev.bantam.runner.wrong}, a handful of classes that break
 * it on purpose: a rule that matches nothing would hold forever.
 */
class ArchitectureTest {
  private static final String ROOT = "dev.bantam";
  private static final String WRONG = "dev.bantam.runner.wrong";

  /** Each knows those before it, from the tensors to the contract of all methods. */
  private static final List<String> CHAIN =
      List.of("tensor", "checkpoint", "model", "data", "training", "compression");

  /** They know the chain, and not each other. */
  private static final List<String> FAMILIES =
      List.of("pruning", "mixedprecision", "binarization", "outliersuppression", "deltamerging");

  private static final List<String> MUST_EXIST =
      List.of(
          "tensor",
          "checkpoint",
          "model",
          "data",
          "training",
          "compression",
          "pruning",
          "mixedprecision",
          "binarization",
          "outliersuppression",
          "deltamerging",
          "export",
          "dl4j",
          "report",
          "runner",
          "reader");

  private static final JavaClasses PRODUCT =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages(ROOT);

  /** What each module may depend on. */
  private static Map<String, Set<String>> allowed() {
    final Map<String, Set<String>> allowed = new LinkedHashMap<>();
    for (int i = 0; i < CHAIN.size(); i++) {
      allowed.put(CHAIN.get(i), new LinkedHashSet<>(CHAIN.subList(0, i)));
    }
    FAMILIES.forEach(family -> allowed.put(family, new LinkedHashSet<>(CHAIN)));
    allowed.put("export", new LinkedHashSet<>(CHAIN));
    allowed.put("dl4j", new LinkedHashSet<>(CHAIN)); // no method, and no method knows it
    allowed.put("report", Set.of("tensor"));
    allowed.put("runner", new LinkedHashSet<>(allowed.keySet()));
    allowed.put("benchmarks", new LinkedHashSet<>(allowed.keySet())); // and nobody knows it
    allowed.put("reader", Set.of()); // nor this: a second reading of the same documents
    return allowed;
  }

  private static Map<String, ArchRule> rules(String root) {
    final Map<String, ArchRule> rules = new LinkedHashMap<>();
    final Map<String, Set<String>> allowed = allowed();
    allowed.forEach(
        (module, known) -> {
          final List<String> others = new ArrayList<>(allowed.keySet());
          others.remove(module);
          others.removeAll(known);
          if (!others.isEmpty()) {
            rules.put(
                module + " knows only what comes before it",
                noClasses()
                    .that()
                    .resideInAPackage(root + "." + module + "..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                        others.stream()
                            .map(other -> root + "." + other + "..")
                            .toArray(String[]::new))
                    .allowEmptyShould(true));
          }
        });
    rules.put(
        "the reader needs nothing but the JDK",
        classes()
            .that()
            .resideInAPackage(root + ".reader..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("java..", root + ".reader.."));
    rules.put(
        "packages have no cycles",
        slices().matching(root + ".(**)").should().beFreeOfCycles().allowEmptyShould(false));
    rules.put(
        "exceptions have a type that says something",
        GeneralCodingRules.NO_CLASSES_SHOULD_THROW_GENERIC_EXCEPTIONS);
    rules.put(
        "only the command line prints",
        noClasses()
            .that()
            .resideOutsideOfPackages(root + ".runner..", root + ".benchmarks..")
            .should(GeneralCodingRules.ACCESS_STANDARD_STREAMS));
    rules.put(
        "random numbers have a seed",
        noClasses()
            .should()
            .callConstructor(Random.class)
            .orShould()
            .callConstructor(SplittableRandom.class)
            .orShould()
            .callMethod(Math.class, "random")
            .orShould()
            .callMethod(ThreadLocalRandom.class, "current")
            .orShould()
            .callMethod(Collections.class, "shuffle", List.class));
    return rules;
  }

  @TestFactory
  Stream<DynamicTest> theProductKeepsTheRules() {
    return rules(ROOT).entrySet().stream()
        .map(rule -> DynamicTest.dynamicTest(rule.getKey(), () -> rule.getValue().check(PRODUCT)));
  }

  @TestFactory
  Stream<DynamicTest> everyKindOfRuleCanFail() {
    final JavaClasses wrong = new ClassFileImporter().importPackages(WRONG);
    return rules(WRONG).entrySet().stream()
        .filter(
            rule ->
                !rule.getKey().endsWith("before it")
                    || Stream.of("tensor", "pruning", "report", "runner", "reader")
                        .anyMatch(module -> rule.getKey().startsWith(module)))
        .map(
            rule ->
                DynamicTest.dynamicTest(
                    rule.getKey(),
                    () ->
                        assertTrue(
                            rule.getValue().evaluate(wrong).hasViolation(),
                            "the classes in " + WRONG + " break this rule, and it held")));
  }

  @Test
  void theClassesOfEveryModuleWereRead() {
    final Set<String> found = new TreeSet<>();
    for (JavaClass type : PRODUCT) {
      found.add(type.getPackageName().substring(ROOT.length() + 1).split("\\.", 2)[0]);
    }
    final Set<String> missing = new TreeSet<>(MUST_EXIST);
    missing.removeAll(found);
    assertTrue(missing.isEmpty(), "no classes of " + missing + " among those of " + found);
    final Set<String> unknown = new TreeSet<>(found);
    unknown.removeAll(allowed().keySet());
    assertTrue(unknown.isEmpty(), "say in allowed() what these may depend on: " + unknown);
    assertFalse(
        PRODUCT.that(resideInAPackage(WRONG + "..")).iterator().hasNext(),
        "tests were read as part of the product: "
            + PRODUCT.stream().map(JavaClass::getName).collect(Collectors.joining(", ")));
  }
}
