# A synthetic system of bench/modules, evaluated by the reference implementation: `evalModules` of <nixpkgs/lib>. It visits
# modules from the last to the first, so they are given to it the other way round: then lists come out as ours.
{ file, lib ? import <nixpkgs/lib> }:
let
  inherit (builtins) elemAt fromJSON isAttrs isBool isList isString readFile;
  inherit (lib) concatMapStrings foldl' getAttrFromPath mapAttrs mkIf mkMerge mkOption mkOrder mkOverride optionalAttrs
    recursiveUpdate setAttrByPath types;

  simple = { inherit (types) bool int lines str; };
  typeOf = form:
    if isString form then simple.${form}
    else {
      attrsOf = types.attrsOf (typeOf (elemAt form 1));
      enum = types.enum (elemAt form 1);
      listOf = types.listOf (typeOf (elemAt form 1));
      nullOr = types.nullOr (typeOf (elemAt form 1));
      submodule = types.submodule {
        options = builtins.listToAttrs (map (field: { inherit (field) name; value = optionOf field; }) (elemAt form 1));
      };
    }.${elemAt form 0};
  optionOf = form: mkOption ({ type = typeOf form.type; } // optionalAttrs (form ? default) { inherit (form) default; });

  text = value: if isBool value then lib.boolToString value else toString value;
  valueOf = config: form:
    if isList form then map (valueOf config) form
    else if !isAttrs form then form
    else if form ? "$str" then
      concatMapStrings (part: if isString part then part else text (getAttrFromPath part."$cfg" config)) form."$str"
    else if form ? "$cfg" then getAttrFromPath form."$cfg" config
    else mapAttrs (_: valueOf config) form;
  wrapped = config: form:
    let
      ordered = if form ? order then mkOrder form.order (valueOf config form.value) else valueOf config form.value;
      ranked = if form ? priority then mkOverride form.priority ordered else ordered;
    in
    if form ? "if" then mkIf (getAttrFromPath form."if" config) ranked else ranked;

  moduleOf = form: { config, ... }: {
    _file = form.file;
    options = foldl' recursiveUpdate { } (map (one: setAttrByPath one.path (optionOf one)) form.options);
    config = mkMerge (map (one: setAttrByPath one.path (wrapped config one)) form.definitions);
  };
in
(lib.evalModules { modules = lib.reverseList (map moduleOf (fromJSON (readFile file)).modules); }).config
